import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { tableFromIPC } from 'apache-arrow'
import { lakeContent } from './testing/lake-content.js'
import { TestProject } from './testing/project.js'
import { mended, shop } from './testing/shop.js'

/** Has published twice: a tag `first` is at the first run, main at the second, where order 3 costs 7. */
let project: TestProject
let between: string
const projects: TestProject[] = []

async function create(files: Readonly<Record<string, string>>): Promise<TestProject> {
  const made = await TestProject.create(files)
  projects.push(made)
  return made
}

beforeAll(async () => {
  project = await create({ ...shop, 'orders.csv': mended })
  await project.succeed(['run'])
  await project.succeed(['branch', 'create', 'first', '--tag'])
  between = new Date().toISOString()
  await project.write('orders.csv', mended.replace(',ada,5\n', ',ada,7\n'))
  await project.succeed(['run'])
})

afterAll(() => Promise.all(projects.map((made) => made.remove())))

const json = async (args: readonly string[]): Promise<unknown> => JSON.parse(await project.succeed([...args, '--json']))

/** The code, message and hint of the error that a command ends with. */
async function failure(args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout } = await project.phlo([...args, '--json'])
  expect(code).not.toBe(0)
  return (JSON.parse(stdout) as { error: Record<string, unknown> }).error
}

describe('query', () => {
  const amounts = 'SELECT id, amount FROM bronze.orders ORDER BY id'

  it('tells what would be read instead, for people and for programs', async () => {
    const explain = ['query', '--explain', 'SELECT amount FROM bronze.orders WHERE id > 1']
    expect(await project.succeed(explain)).toMatch(
      /^bronze\.orders at snapshot \d+\n {2}wanted {5}id > 1\n {2}manifests {2}1 of 1 manifest of data\n {2}files {6}1 of 1 file\n/,
    )
    expect(JSON.parse(await project.succeed([...explain, '--json']))).toMatchObject({
      tables: [
        {
          table: { namespace: ['bronze'], name: 'orders' },
          filter: 'id > 1',
          files: { read: 1, skippedByManifest: 0, skippedByPartition: 0, skippedByStatistics: 0 },
          residuals: [{ filter: 'id > 1', files: 1 }],
        },
      ],
      engine: expect.any(String),
    })
  })

  it('prints a table, CSV, JSON and lines of JSON', async () => {
    expect(await project.succeed(['query', amounts])).toBe(
      ['id  amount', '──  ──────', ' 1    10.5', ' 2      20', ' 3       7', '(3 rows)', ''].join('\n'),
    )
    expect(await project.succeed(['query', '--format', 'csv', amounts])).toBe('id,amount\n1,10.5\n2,20\n3,7\n')
    expect(JSON.parse(await project.succeed(['query', '--format', 'json', amounts]))).toEqual([
      { id: 1, amount: 10.5 },
      { id: 2, amount: 20 },
      { id: 3, amount: 7 },
    ])
    expect(await project.succeed(['query', '--format', 'ndjson', amounts])).toBe(
      '{"id":1,"amount":10.5}\n{"id":2,"amount":20}\n{"id":3,"amount":7}\n',
    )
  })

  it('writes Arrow that Arrow reads', () => {
    const program = path.resolve(import.meta.dirname, '../bin/phlo.js')
    const { stdout } = spawnSync(process.execPath, [program, 'query', '--format', 'arrow', amounts], {
      cwd: project.dir,
    })
    const table = tableFromIPC(stdout)
    expect(table.schema.fields.map(({ name, type }) => `${name} ${String(type)}`)).toEqual([
      'id Int64',
      'amount Float64',
    ])
    expect(table.toArray().map((row) => String(row))).toEqual([
      '{"id": 1, "amount": 10.5}',
      '{"id": 2, "amount": 20}',
      '{"id": 3, "amount": 7}',
    ])
  })

  it('reads a tag, a commit, a time, and a table at its own snapshot', async () => {
    const sum = 'SELECT sum(amount) AS amount FROM bronze.orders'
    const [{ commit }] = (await json(['branch', 'list'])) as [{ commit: string }]
    const snapshots = (await json(['table', 'snapshots', 'bronze.orders'])) as { 'snapshot-id': string }[]
    const oldest = snapshots.at(-1)?.['snapshot-id'] as string
    const read = async (...options: string[]) =>
      JSON.parse(await project.succeed(['query', '--format', 'json', ...options, sum])) as unknown
    expect(await read()).toEqual([{ amount: 37.5 }])
    expect(await read('--ref', 'first')).toEqual([{ amount: 35.5 }])
    expect(await read('--ref', commit)).toEqual([{ amount: 35.5 }])
    expect(await read('--ref', `@{${between}}`)).toEqual([{ amount: 35.5 }])
    expect(await read('--ref', `main@{${between}}`)).toEqual([{ amount: 35.5 }])
    expect(await read('--snapshot', `bronze.orders=${oldest}`)).toEqual([{ amount: 35.5 }])
  })

  it('takes SQL from standard input', () => {
    const program = path.resolve(import.meta.dirname, '../bin/phlo.js')
    const { stdout } = spawnSync(process.execPath, [program, 'query', '--format', 'csv', '-'], {
      cwd: project.dir,
      input: 'SELECT 1 AS one',
      encoding: 'utf8',
    })
    expect(stdout).toBe('one\n1\n')
  })

  it('names the place of a mistake and the nearest name', async () => {
    expect(await failure(['query', 'SELECT id,\n  amnt\nFROM bronze.orders'])).toMatchObject({
      code: 'PHLO_SQL_INVALID',
      location: { line: 2, column: 3 },
    })
    expect(await failure(['query', 'SELECT * FROM bronze.order'])).toMatchObject({
      code: 'PHLO_TABLE_NOT_FOUND',
      hint: expect.stringContaining('bronze.orders'),
    })
    expect(await failure(['query', '--ref', 'frist', 'SELECT 1'])).toMatchObject({
      code: 'PHLO_REF_NOT_FOUND',
      hint: expect.stringContaining('first'),
    })
  })

  it('changes nothing and reaches nothing but tables', async () => {
    for (const sql of [
      'DROP TABLE bronze.orders',
      'DELETE FROM bronze.orders',
      "COPY (SELECT 1) TO 'out.csv'",
      'SELECT 1; SELECT 2',
      "ATTACH 'x.db'",
    ]) {
      expect(await failure(['query', sql])).toMatchObject({ code: 'PHLO_SQL_FORBIDDEN' })
    }
    const { code } = await project.phlo(['query', "SELECT * FROM read_csv('/etc/passwd')"])
    expect(code).toBe(1)
  })
})

describe('branch', () => {
  it('lists branches and tags, makes and deletes them', async () => {
    await project.succeed(['branch', 'create', 'work'])
    expect(
      ((await json(['branch', 'list'])) as { name: string; type: string }[]).map(({ name, type }) => [name, type]),
    ).toEqual([
      ['first', 'tag'],
      ['main', 'branch'],
      ['work', 'branch'],
    ])
    expect(await failure(['branch', 'create', 'work'])).toMatchObject({ code: 'PHLO_REF_EXISTS' })
    await project.succeed(['branch', 'delete', 'work'])
    expect(await failure(['branch', 'delete', 'work'])).toMatchObject({ code: 'PHLO_REF_NOT_FOUND' })
    expect(await failure(['branch', 'delete', 'main'])).toMatchObject({ code: 'PHLO_REF_INVALID' })
  })

  it('shows what differs, and what was committed', async () => {
    const made = [{ id: expect.any(String), time: expect.any(String), operation: 'overwrite' }]
    expect(await json(['branch', 'diff', 'first', 'main'])).toEqual([
      { table: 'bronze.orders', change: 'changed', rowsBefore: 3, rowsAfter: 3, columns: [], snapshots: made },
      { table: 'gold.revenue', change: 'changed', rowsBefore: 2, rowsAfter: 2, columns: [], snapshots: made },
    ])
    const rows = { added: 1, removed: 1, changed: 0 }
    expect(await json(['branch', 'diff', 'first', 'main', '--table', 'bronze.orders', '--count'])).toMatchObject([
      { table: 'bronze.orders', rows },
    ])
    expect(await project.succeed(['branch', 'diff', 'first', 'main', '--count'])).toContain(
      'bronze.orders: 1 row added, 1 removed, 0 changed',
    )
    expect(await failure(['branch', 'diff', 'first', 'main', '--table', 'no.such'])).toMatchObject({
      code: 'PHLO_TABLE_NOT_FOUND',
    })
    const log = (await project.succeed(['branch', 'log', '--json'])).trim().split('\n')
    expect(log.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
      expect.stringMatching(/^Run \S+: bronze\.orders, gold\.revenue$/),
      expect.stringMatching(/^Run \S+: bronze\.orders, gold\.revenue$/),
      'Empty catalog',
    ])
  })

  it('merges in one commit, after a look at what that would do', async () => {
    await project.succeed(['branch', 'create', 'mend', '--from', 'main'])
    const [, oldest] = (await json(['table', 'snapshots', 'bronze.orders'])) as { 'snapshot-id': string }[]
    await project.succeed([
      'table',
      'rollback',
      'bronze.orders',
      '--to',
      oldest?.['snapshot-id'] as string,
      '--ref',
      'mend',
    ])
    await project.succeed(['branch', 'create', 'target', '--from', 'main'])
    expect(await project.succeed(['branch', 'merge', 'mend', 'target', '--dry-run'])).toMatch(/bronze\.orders/)
    expect(await json(['branch', 'diff', 'main', 'target'])).toEqual([])

    await project.succeed(['branch', 'merge', 'mend', 'target'])
    expect(await json(['branch', 'diff', 'main', 'target'])).toMatchObject([{ table: 'bronze.orders' }])
    expect(await json(['branch', 'diff', 'mend', 'target'])).toEqual([])
  })

  it('refuses a merge where both sides changed the same rows, and names the table', async () => {
    await project.succeed(['branch', 'create', 'left', '--from', 'main'])
    await project.succeed(['branch', 'create', 'right', '--from', 'main'])
    // The same rows, in different ways: the two cannot both hold.
    for (const [ref, change] of [
      ['left', '+ 1'],
      ['right', '+ 2'],
    ] as const)
      await project.succeed(['sql', '--ref', ref, `UPDATE bronze.orders SET amount = amount ${change}`])
    expect(await failure(['branch', 'merge', 'left', 'right'])).toMatchObject({
      code: 'PHLO_MERGE_CONFLICT',
      message: expect.stringContaining('bronze.orders'),
    })
  })
})

describe('table', () => {
  it('lists tables with rows and files', async () => {
    expect(await json(['table', 'list'])).toMatchObject([
      { table: 'bronze.orders', rows: 3, files: 1, snapshots: 2 },
      { table: 'gold.revenue', rows: 2, files: 1, snapshots: 2 },
    ])
  })

  it('shows columns, snapshots and files', async () => {
    expect(await project.succeed(['table', 'show', 'bronze.orders'])).toMatch(/ 4 {2}amount {4}double {2}no/)
    expect(await json(['table', 'snapshots', 'bronze.orders'])).toHaveLength(2)
    expect(await json(['table', 'files', 'bronze.orders'])).toMatchObject([{ rows: 3 }])
    expect(await json(['table', 'files', 'bronze.orders', '--ref', 'first'])).toMatchObject([{ rows: 3 }])
  })

  it('rolls back to a snapshot or a time, on the branch that is named', async () => {
    await project.succeed(['branch', 'create', 'back', '--from', 'main'])
    await project.succeed(['table', 'rollback', 'bronze.orders', '--to', between, '--ref', 'back'])
    expect((await lakeContent(project.dir, 'back'))['bronze.orders']).toContain(
      '{"id":3,"day":"2024-05-02","customer":"ada","amount":5}',
    )
    expect((await lakeContent(project.dir))['bronze.orders']).toContain(
      '{"id":3,"day":"2024-05-02","customer":"ada","amount":7}',
    )
    expect(await failure(['table', 'rollback', 'bronze.orders', '--to', '123', '--ref', 'back'])).toMatchObject({
      code: 'PHLO_SNAPSHOT_NOT_FOUND',
    })
    expect(await failure(['table', 'show', 'bronze.order'])).toMatchObject({
      code: 'PHLO_TABLE_NOT_FOUND',
      hint: expect.stringContaining('bronze.orders'),
    })
  })
})

describe('runs', () => {
  it('lists what ran and shows one with its steps', async () => {
    const runs = (await json(['runs', 'list'])) as { id: string; status: string }[]
    expect(runs.map(({ status }) => status)).toEqual(['succeeded', 'succeeded'])
    const shown = await project.succeed(['runs', 'show', runs[0]?.id as string])
    expect(shown).toMatch(/bronze\.orders/)
    expect(shown).toMatch(/gold\.revenue/)
    expect(await failure(['runs', 'show', '20200101t000000-abcdef'])).toMatchObject({ code: 'PHLO_RUN_NOT_FOUND' })
  })
})

describe('plan', () => {
  it('says what would run and why, and runs nothing', async () => {
    expect(await json(['plan'])).toEqual({ steps: [], fresh: ['bronze.orders', 'gold.revenue'] })
    expect(await json(['plan', '+gold.revenue', '--force'])).toMatchObject({
      steps: [{ asset: 'bronze.orders' }, { asset: 'gold.revenue', upstream: ['bronze.orders'] }],
    })
    expect(await failure(['plan', 'revenu'])).toMatchObject({
      code: 'PHLO_ASSET_UNKNOWN',
      hint: 'Did you mean revenue?',
    })
  })
})

describe('config check and doctor', () => {
  it('find a project in order', async () => {
    expect(await json(['config', 'check'])).toMatchObject({
      project: 'shop',
      profile: 'local',
      assets: [{ key: 'bronze.orders', checks: ['count', 'range_amount'] }, { key: 'gold.revenue' }],
      problems: [],
    })
    const findings = (await json(['doctor'])) as { what: string; error?: unknown }[]
    expect(findings.map(({ what }) => what)).toEqual(['Node', 'storage', 'catalog', 'engine', 'state', 'project'])
    expect(findings.filter(({ error }) => error !== undefined)).toEqual([])
  })

  it('name a wrong key, profile and plugin by line, with what is known and nearest', async () => {
    const wrong = await create({ ...shop, 'phlo.yaml': 'name: shop\nprofle: local\n' })
    const outcome = await wrong.phlo(['config', 'check'])
    expect(outcome.code).toBe(1)
    expect(outcome.stderr).toMatch(/phlo\.yaml:2:1/)
    expect(outcome.stderr).toMatch(/Did you mean "?profile"?\?/)

    await wrong.write('phlo.yaml', 'name: shop\nprofiles:\n  local:\n    storage: { use: locl }\n')
    const plugin = await wrong.phlo(['plan'])
    expect(plugin.code).toBe(1)
    expect(plugin.stderr).toMatch(/phlo\.yaml:4:\d+/)
    expect(plugin.stderr).toMatch(/local/)

    const profile = await project.phlo(['--profile', 'prod', 'plan'])
    expect(profile.code).toBe(1)
    expect(profile.stderr).toMatch(/no profile "prod"[\s\S]*local/)
    const byEnvironment = await project.phlo(['plan'], { env: { PHLO_PROFILE: 'prod' } })
    expect(byEnvironment.stderr).toMatch(/no profile "prod"/)
  })

  it('never print a secret', async () => {
    const secret = 'hunter2-and-more'
    const open = await create({
      ...shop,
      'phlo.yaml':
        'name: shop\nprofiles:\n  local:\n    storage: { use: local, with: { path: "${env:LAKE_PASSWORD}", no: 1 } }\n',
      '.phlo/.env.local': `LAKE_PASSWORD=${secret}\n`,
    })
    for (const args of [['config', 'check'], ['plan'], ['doctor'], ['config', 'check', '--json']]) {
      const { code, stdout, stderr } = await open.phlo(args)
      expect(code).not.toBe(0)
      expect(stdout + stderr).not.toContain(secret)
    }
  })
})

describe('init', () => {
  it('makes a project that runs as it is, and never writes over one', async () => {
    const home = await create({})
    await home.succeed(['init', 'fresh'])
    const fresh = new TestProject(path.join(home.dir, 'fresh'))
    await fresh.succeed(['run'])
    expect(Object.keys(await lakeContent(fresh.dir))).toEqual([
      'bronze.orders',
      'gold.daily_revenue',
      'quarantine.bronze_orders',
    ])
    const yaml = await readFile(path.join(fresh.dir, 'phlo.yaml'), 'utf8')
    const again = await home.phlo(['init', 'fresh'])
    expect(again.code).toBe(1)
    expect(await readFile(path.join(fresh.dir, 'phlo.yaml'), 'utf8')).toBe(yaml)
  })
})

describe('The program', () => {
  it('tells usage errors apart by exit code 2, with the nearest command', async () => {
    const { code, stderr } = await project.phlo(['rnu'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/Did you mean run\?/)
    expect((await project.phlo(['run', '--nope'])).code).toBe(2)
  })

  it('has help with examples for every command', async () => {
    for (const command of ['run', 'plan', 'query', 'sql', 'branch create', 'branch merge', 'table rollback', 'init']) {
      expect(await project.succeed([...command.split(' '), '--help'])).toMatch(/Examples:\n {2}\$ phlo/)
    }
  })

  it('uses colour only where it is wanted', async () => {
    const escape = String.fromCharCode(27)
    expect(await project.succeed(['doctor'], { env: { FORCE_COLOR: '1' } })).toContain(escape)
    expect(await project.succeed(['doctor'], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).not.toContain(escape)
    expect(await project.succeed(['doctor'])).not.toContain(escape)
  })
})
