import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { NessieCatalog, NessieCatalogOptions } from '@phlo/catalog-nessie'
import { RestCatalog, RestCatalogOptions } from '@phlo/catalog-rest'
import { mainBranch } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { bucketOptions, runningServer } from '@phlo/stack'
import { TestProject } from './testing/project.js'
import { mended, shop } from './testing/shop.js'

interface Server {
  readonly name: string
  /** `catalog` of the profile. */
  readonly catalog: () => string
  /** Takes the server back to where it began: it has one main branch for everybody. */
  readonly empty: () => Promise<void>
  /** Tags, history, garbage collection. */
  readonly refs: boolean
}

const rest: Server = {
  name: 'the Iceberg project’s reference server',
  catalog: () => `{ use: rest, with: { uri: '${runningServer('iceberg-rest').uri}' } }`,
  async empty() {
    const options = RestCatalogOptions.parse({ uri: runningServer('iceberg-rest').uri })
    const catalog = await RestCatalog.open(options, new MemoryObjectStore())
    for (const identifier of await catalog.listTables()) await catalog.commit([{ kind: 'drop-table', identifier }])
    await catalog.close()
  },
  refs: false,
}

const nessie: Server = {
  name: 'Nessie',
  catalog: () => `{ use: nessie, with: { uri: '${runningServer('nessie').api}' } }`,
  async empty() {
    const uri = runningServer('nessie').api
    const { noAncestorHash } = (await (await fetch(`${uri}/config`)).json()) as { noAncestorHash: string }
    const catalog = await NessieCatalog.open(NessieCatalogOptions.parse({ uri }), new MemoryObjectStore())
    for (const { name } of await catalog.listRefs()) if (name !== mainBranch) await catalog.deleteRef(name)
    await catalog.assignRef(mainBranch, noAncestorHash)
    await catalog.close()
  },
  refs: true,
}

describe.each([rest, nessie])('A profile of $name and MinIO', ({ catalog, empty, refs }) => {
  let project: TestProject

  beforeAll(async () => {
    await empty()
    const { credentials, ...place } = bucketOptions('projects')
    const storage = JSON.stringify({ ...place, credentials })
    const profile = `    storage: { use: minio, with: ${storage} }\n    catalog: ${catalog()}\n`
    project = await TestProject.create({
      ...shop,
      'phlo.yaml': `name: shop\nprofile: server\nprofiles:\n  server:\n${profile}`,
      'orders.csv': mended,
    })
  })
  afterAll(() => project.remove())

  const amounts = (ref?: string) => project.query('SELECT day, amount FROM gold.revenue ORDER BY day', ref)
  const may = [
    { day: '2024-05-01', amount: 30.5 },
    { day: '2024-05-02', amount: 5 },
  ]
  const branches = async () =>
    (JSON.parse(await project.succeed(['branch', 'list', '--json'])) as { name: string }[])
      .map(({ name }) => name)
      .filter((name) => name !== mainBranch)
  /** The events of a run, by their types, progress left out. */
  const events = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type)
      .filter((type) => type !== 'step-progress')

  it('answers the doctor', async () => {
    expect(await project.succeed(['doctor'])).toContain('✓ catalog')
  })

  it('takes a run, which is published whole and leaves no branch', async () => {
    const said = events(await project.succeed(['run', '--json']))
    expect(said).toContain('published')
    // Nobody else was there.
    expect(said).not.toContain('main-moved')
    expect(await amounts()).toEqual(may)
    expect(await branches()).toEqual([])
    expect(await project.succeed(['branch', 'log', mainBranch])).toContain('bronze.orders, gold.revenue')
    expect(await project.succeed(['run'])).toContain('Nothing is missing or stale')
  }, 300_000)

  it('keeps main as it was when a check fails, and shows what was written', async () => {
    await project.write('orders.csv', `${mended}4,2024-05-02,linus,5000\n`)
    const { code, stdout } = await project.phlo(['run'])
    expect([code, stdout]).toEqual([1, expect.stringContaining('Not published: main is as it was')])
    expect(await amounts()).toEqual(may)
    const [branch = ''] = await branches()
    expect(stdout).toContain(`phlo branch diff main ${branch}`)
    const count = 'SELECT count(*)::INTEGER AS n FROM bronze.orders'
    expect([await project.query(count), await project.query(count, branch)]).toEqual([[{ n: 3 }], [{ n: 4 }]])
    const rows = ['branch', 'diff', mainBranch, branch, '--table', 'bronze.orders', '--rows', '--key', 'id']
    expect(await project.succeed(rows)).toMatch(/added +4 +2024-05-02 +linus +5000/)
    const [difference] = JSON.parse(await project.succeed([...rows.slice(0, 6), '--json', '--count'])) as object[]
    expect(difference).toMatchObject({ rowsBefore: 3, rowsAfter: 4, rows: { added: 1, removed: 0, changed: 0 } })
    expect((difference as { snapshots: unknown[] }).snapshots).toHaveLength(1)
    const merge = await project.succeed(['branch', 'merge', branch, mainBranch, '--dry-run'])
    expect(merge).toContain(`Would merge ${branch} into main`)
    expect(await project.query(count)).toEqual([{ n: 3 }])
  }, 300_000)

  it('lets go of that branch, and the run that is mended is published', async () => {
    const [branch = ''] = await branches()
    await project.succeed(['branch', 'delete', branch])
    expect(await branches()).toEqual([])
    await project.write('orders.csv', `${mended}4,2024-05-02,linus,50\n`)
    expect(await project.succeed(['run'])).toContain('Published to main')
    expect(await amounts()).toEqual([may[0], { day: '2024-05-02', amount: 55 }])
    const runs = await project.succeed(['runs', 'list', '--json'])
    expect(runs.match(/"status":"\w+"/g)).toEqual(['"status":"succeeded"', '"status":"failed"', '"status":"succeeded"'])
  }, 300_000)

  it(
    refs ? 'collects its garbage, and main stays whole' : 'says what it cannot do, and what to do instead',
    async () => {
      const collected = await project.phlo(['gc', '--delete'])
      const made = await project.phlo(['branch', 'create', 'v1', '--tag'])
      if (refs) {
        expect([collected, made]).toMatchObject([{ code: 0 }, { code: 0 }])
        expect(await project.query('SELECT count(*)::INTEGER AS n FROM bronze.orders', 'v1')).toEqual([{ n: 4 }])
      } else {
        expect(collected).toMatchObject({ code: 1, stderr: expect.stringContaining('phlo table expire') })
        expect(made).toMatchObject({ code: 1, stderr: expect.stringContaining('PHLO_UNSUPPORTED') })
        await project.succeed(['table', 'expire', 'bronze.orders', '--keep', '1', '--older-than', '1s'])
      }
      expect(await amounts()).toEqual([may[0], { day: '2024-05-02', amount: 55 }])
    },
    300_000,
  )
})
