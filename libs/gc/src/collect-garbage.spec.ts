import { beforeEach, describe, expect, it } from '@jest/globals'
import { mainBranch, type ObjectInfo, PhloError } from '@phlo/ports'
import fc from 'fast-check'
import { collectGarbage } from './collect-garbage.js'
import { type FileJudgement, judgeFiles } from './judge-files.js'
import { TestLake } from './testing/test-lake.js'

const day = 24 * 60 * 60 * 1000

let lake: TestLake
beforeEach(async () => {
  lake = await TestLake.open()
})

/** Far enough ahead that no file is young, with a history that reaches back to `since`. */
function later(since: Date) {
  const now = Date.now() + 10 * day
  return { now, retention: { history: now - since.getTime() } }
}

/** A moment between what was done before and what is done after. */
async function between(): Promise<Date> {
  await new Promise((resolve) => setTimeout(resolve, 3))
  const time = new Date()
  await new Promise((resolve) => setTimeout(resolve, 3))
  return time
}

const presentOnly = () => ({ now: Date.now() + 10 * day, retention: { history: 0 } })
const everything = () => later(new Date(0))
const head = async (ref: string) => (await lake.catalog.getRef(ref))?.commit as string

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

describe('a collection', () => {
  it('leaves everything that the history within the retention reads', async () => {
    await lake.create('orders')
    await lake.write('orders')
    await lake.write('orders', { overwrite: true })
    await lake.drop('orders')
    const before = await lake.tableFiles()
    const result = await collectGarbage(lake, everything())
    expect(result).toMatchObject({ examined: before.length, deleted: 0, young: 0, catalogObjects: 0 })
    expect(await lake.tableFiles()).toEqual(before)
  })

  it('takes what only older states read: dropped tables, expired snapshots, former metadata', async () => {
    await lake.create('dropped')
    await lake.write('dropped')
    await lake.create('orders')
    const old = await lake.write('orders')
    const now = await lake.write('orders', { overwrite: true })
    await lake.expire('orders')
    await lake.drop('dropped')
    const result = await collectGarbage(lake, presentOnly())
    const left = await lake.tableFiles()
    expect(result.deleted).toBe(result.examined - left.length)
    expect([left.includes(now), left.includes(old)]).toEqual([true, false])
    // The data file, the manifests of what came and what left, their list, and the table's present metadata.
    expect(left).toHaveLength(5)
    expect(await lake.readable([mainBranch])).toEqual(new Set([now]))
  })

  it('keeps the past of a branch as long as the retention says, by the branch’s name', async () => {
    await lake.create('orders')
    await lake.write('orders')
    const first = await head(mainBranch)
    const since = await between()
    await lake.write('orders', { overwrite: true })
    await lake.expire('orders')
    const second = await head(mainBranch)
    await between()
    await lake.write('orders', { overwrite: true })
    await lake.expire('orders')
    await collectGarbage(lake, later(since))
    // The first state was main's until after that moment.
    expect(await Promise.all([first, second].map((commit) => lake.canRead(commit)))).toEqual([true, true])
    const { now, retention } = later(since)
    await collectGarbage(lake, { now, retention: { ...retention, branches: [{ pattern: 'ma*', history: 0 }] } })
    expect(await Promise.all([first, second].map((commit) => lake.canRead(commit)))).toEqual([false, false])
    expect(await lake.canRead(await head(mainBranch))).toBe(true)
  })

  it('keeps what tags and other branches stand at', async () => {
    await lake.create('orders')
    const first = await lake.write('orders')
    await lake.catalog.createRef('v1', { type: 'tag' })
    await lake.catalog.createRef('dev')
    const second = await lake.write('orders', { ref: 'dev', overwrite: true })
    await lake.drop('orders')
    await collectGarbage(lake, presentOnly())
    expect(await lake.readable(['v1'])).toEqual(new Set([first]))
    expect(await lake.readable(['dev'])).toEqual(new Set([first, second]))
    await lake.catalog.deleteRef('dev')
    await lake.catalog.deleteRef('v1')
    await collectGarbage(lake, presentOnly())
    expect(await lake.tableFiles()).toEqual([])
  })

  it('keeps what a deleted branch held for as long as the history of its name', async () => {
    await lake.create('orders')
    await lake.catalog.createRef('dev')
    const since = await between()
    const first = await lake.write('orders', { ref: 'dev' })
    const second = await lake.write('orders', { ref: 'dev', overwrite: true })
    const lost = await head('dev')
    await lake.catalog.deleteRef('dev')
    await collectGarbage(lake, later(since))
    await lake.catalog.createRef('again', { from: lost })
    expect(await lake.readable(['again'])).toEqual(new Set([first, second]))
    await lake.catalog.deleteRef('again')
    const { now, retention } = later(since)
    const briefly = ['dev', 'again'].map((pattern) => ({ pattern, history: 0 }))
    await collectGarbage(lake, { now, retention: { ...retention, branches: briefly } })
    expect((await lake.tableFiles()).filter((key) => key.endsWith('.parquet'))).toEqual([])
  })

  it('looks once at what branches have in common, the longest history first', async () => {
    await lake.create('orders')
    for (let count = 0; count < 30; count++) await lake.write('orders')
    for (let count = 0; count < 40; count++) await lake.catalog.createRef(`dev${count}`)
    for (let count = 0; count < 40; count++) await lake.write('orders', { ref: `dev${count}` })
    const { now, retention } = everything()
    const states = lake.catalog.states.bind(lake.catalog)
    let past = 0
    lake.catalog.states = async function* (...args) {
      for await (const state of states(...args)) {
        if (!state.current) past++
        yield state
      }
    }
    const branches = [{ pattern: 'dev*', history: 0 }]
    await collectGarbage(lake, { now, retention: { ...retention, branches } })
    // Main's 30 former states, for what is kept and again for the folders of the history, where each branch has one more.
    expect(past).toBeLessThanOrEqual(30 + 30 + 40)
    past = 0
    await collectGarbage(lake, { now, retention })
    expect(past).toBeLessThanOrEqual(2 * (30 + 40))
  })

  it('leaves young files that no commit names, and takes old ones', async () => {
    await lake.create('orders')
    const stray = await lake.stray('orders')
    expect(await collectGarbage(lake, { retention: { history: 0 } })).toMatchObject({ deleted: 0, young: 1 })
    expect(await collectGarbage(lake, { ...presentOnly(), safetyAge: 11 * day })).toMatchObject({
      deleted: 0,
      young: 1,
    })
    expect(await collectGarbage(lake, presentOnly())).toMatchObject({ deleted: 1, bytes: 4, young: 0 })
    expect(await lake.store.head(stray)).toBeUndefined()
  })

  it('refuses a safety age below an hour unless it is allowed', async () => {
    await lake.create('orders')
    await lake.stray('orders')
    const options = { retention: { history: 0 }, safetyAge: 0, now: Date.now() + 1000 }
    await expect(collectGarbage(lake, options)).rejects.toMatchObject({ code: 'PHLO_MAINTENANCE_REFUSED' })
    await expect(all(judgeFiles(lake, options))).rejects.toMatchObject({ code: 'PHLO_MAINTENANCE_REFUSED' })
    expect(await collectGarbage(lake, { ...options, allowYoung: true })).toMatchObject({ deleted: 1 })
  })

  it('deletes nothing when a present state has lost a file', async () => {
    await lake.create('orders')
    await lake.write('orders')
    await lake.stray('orders')
    await lake.catalog.createRef('dev')
    const [lost] = (await lake.tableFiles()).filter((key) => key.endsWith('.avro'))
    await lake.store.delete([lost as string])
    const before = await lake.tableFiles()
    await expect(collectGarbage(lake, presentOnly())).rejects.toMatchObject({ code: 'PHLO_OBJECT_NOT_FOUND' })
    expect(await lake.tableFiles()).toEqual(before)
  })

  it('takes commits that no ref leads to, and leaves those of the refs’ histories', async () => {
    await lake.create('orders')
    await lake.catalog.createRef('gone')
    await lake.write('orders', { ref: 'gone' })
    const lost = await head('gone')
    await lake.catalog.deleteRef('gone')
    await lake.write('orders')
    expect(await collectGarbage(lake, presentOnly())).toMatchObject({ catalogObjects: 1 })
    expect(await lake.canRead(lost)).toBe(false)
    expect(await all(lake.catalog.log(mainBranch))).toHaveLength(4)
    expect(await collectGarbage(lake, presentOnly())).toMatchObject({ catalogObjects: 0, deleted: 0 })
  })

  it('keeps what a commit made meanwhile names, however old its files are', async () => {
    await lake.create('orders')
    await lake.write('orders')
    await lake.catalog.createRef('dev')
    const precious = await lake.write('orders', { ref: 'dev' })
    // Merged and deleted while the refs are listed: the list has main as it was, and no dev.
    const listRefs = lake.catalog.listRefs.bind(lake.catalog)
    let first = true
    lake.catalog.listRefs = async () => {
      const refs = await listRefs()
      if (!first) return refs
      first = false
      await lake.catalog.merge('dev', mainBranch)
      await lake.catalog.deleteRef('dev')
      return refs.filter(({ name }) => name === mainBranch)
    }
    await collectGarbage(lake, presentOnly())
    expect((await lake.readable([mainBranch])).has(precious)).toBe(true)
  })

  it('looks at the refs again before it deletes', async () => {
    await lake.create('orders')
    await lake.write('orders')
    const past = await head(mainBranch)
    await lake.write('orders', { overwrite: true })
    await lake.expire('orders')
    const list = lake.store.list.bind(lake.store)
    lake.store.list = async function* (prefix: string): AsyncGenerator<ObjectInfo> {
      yield* list(prefix)
      if (prefix === 'tables/') await lake.catalog.createRef('rescued', { from: past })
    }
    await collectGarbage(lake, presentOnly())
    expect(await lake.canRead(past)).toBe(true)
  })

  it('can be interrupted anywhere and leaves garbage that the next one takes', async () => {
    await lake.create('orders')
    for (let count = 0; count < 4; count++) await lake.write('orders', { overwrite: true })
    await lake.expire('orders')
    await lake.create('dropped')
    await lake.write('dropped')
    await lake.drop('dropped')
    const remove = lake.store.delete.bind(lake.store)
    let budget = 0
    lake.store.delete = async (keys: readonly string[]) => {
      for (const key of keys) {
        if (budget-- <= 0) throw new PhloError('PHLO_STORAGE_FAILED', 'interrupted')
        await remove([key])
      }
    }
    let interruptions = 0
    for (;;) {
      budget = 2
      const result = await collectGarbage(lake, presentOnly())
      expect((await lake.readable([mainBranch])).size).toBe(1)
      if (result.failed === 0) break
      expect(result.failure).toMatchObject({ code: 'PHLO_STORAGE_FAILED' })
      interruptions++
    }
    expect(interruptions).toBeGreaterThan(3)
    expect(await lake.tableFiles()).toHaveLength(5)
  })

  it('leaves exactly what the kept states read, whatever happened to the lake', async () => {
    const branch = fc.constantFrom('main', 'dev', 'try')
    const table = fc.constantFrom('a', 'b')
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant('write' as const), branch, table, overwrite: fc.boolean() }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('create', 'drop', 'expire'), branch, table }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('branch', 'tag', 'delete', 'merge'), branch }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('collect', 'stray') }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        lake = await TestLake.open()
        await lake.create('a')
        const refs = async () => (await lake.catalog.listRefs()).map(({ name }) => name)
        for (const [index, item] of [...steps, { kind: 'collect' as const }].entries()) {
          try {
            if (item.kind === 'write' && 'overwrite' in item)
              await lake.write(item.table, { ref: item.branch, overwrite: item.overwrite })
            else if (item.kind === 'stray') await lake.stray('a')
            else if (item.kind === 'collect') {
              const needed = await lake.readable(await refs())
              await collectGarbage(lake, presentOnly())
              expect(await lake.readable(await refs())).toEqual(needed)
              const data = (await lake.tableFiles()).filter((key) => key.endsWith('.parquet'))
              expect(new Set(data)).toEqual(needed)
              const again = await collectGarbage(lake, presentOnly())
              expect([again.deleted, again.catalogObjects]).toEqual([0, 0])
            } else if (!('branch' in item)) continue
            else if (item.kind === 'branch') await lake.catalog.createRef(item.branch)
            else if (item.kind === 'tag') await lake.catalog.createRef(`t${index}`, { type: 'tag', from: item.branch })
            else if (item.kind === 'delete') await lake.catalog.deleteRef(item.branch)
            else if (item.kind === 'merge') await lake.catalog.merge(item.branch, mainBranch, { strategy: 'theirs' })
            else if ('table' in item) {
              if (item.kind === 'create') await lake.create(item.table, item.branch)
              else if (item.kind === 'drop') await lake.drop(item.table, item.branch)
              else if (item.kind === 'expire') await lake.expire(item.table, item.branch)
            }
          } catch (error) {
            // A step that asks for what is not there, or is already, is no step.
            const { code } = error as { code?: string }
            if (!/^PHLO_(REF|TABLE)_(NOT_FOUND|EXISTS|INVALID)$/.test(code ?? '')) throw error
          }
        }
      }),
      { numRuns: 40 },
    )
  })
})

describe('a dry run', () => {
  it('says of every file why it stays or goes', async () => {
    await lake.create('orders')
    const old = await lake.write('orders')
    const oldCommit = await head(mainBranch)
    const present = await lake.write('orders', { overwrite: true })
    await lake.expire('orders')
    const stray = await lake.stray('orders')
    await lake.catalog.createRef('lost')
    const unnamed = await lake.write('orders', { ref: 'lost' })
    await lake.catalog.deleteRef('lost')
    const before = await lake.tableFiles()
    const judged = new Map<string, FileJudgement>()
    for (const judgement of await all(judgeFiles(lake, presentOnly()))) judged.set(judgement.key, judgement)
    expect([...judged.keys()]).toEqual(before)
    const table = 'shop.orders'
    const snapshotId = (await lake.metadata('orders', mainBranch))['current-snapshot-id']
    expect(judged.get(present)).toMatchObject({
      keep: true,
      why: 'needed',
      reason: { ref: mainBranch, commit: await head(mainBranch), table, snapshotId },
    })
    const { 'current-snapshot-id': oldSnapshot } = await lake.metadata('orders', oldCommit)
    expect(judged.get(old)).toMatchObject({
      keep: false,
      why: 'expired',
      reason: { ref: mainBranch, table, snapshotId: oldSnapshot },
    })
    expect(judged.get(stray)).toMatchObject({ keep: false, why: 'unused' })
    const folder = lake.store.key((await lake.metadata('orders', mainBranch)).location)
    expect(judged.get(unnamed)).toMatchObject({ keep: false, why: 'unnamed', reason: { table: folder } })
    const goes = [...judged.values()].filter(({ keep }) => !keep).map(({ key }) => key)
    expect((await collectGarbage(lake, presentOnly())).deleted).toBe(goes.length)
    expect(await lake.tableFiles()).toEqual(before.filter((key) => !goes.includes(key)))
  })

  it('writes and deletes nothing', async () => {
    await lake.create('orders')
    await lake.write('orders', { overwrite: true })
    await lake.drop('orders')
    const before = await all(lake.store.list(''))
    expect((await all(judgeFiles(lake, presentOnly()))).map(({ why }) => why)).not.toContain('needed')
    expect(await all(lake.store.list(''))).toEqual(before)
  })
})
