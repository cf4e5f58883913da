import { gzipSync } from 'node:zlib'
import { PhloError } from '@phlo/ports'
import { beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { serializeMetadata } from '../metadata/metadata-file.js'
import { MemoryTable } from '../testing/memory-table.js'
import { expireSnapshots } from './expire-snapshots.js'
import { everyMetadataFile, type OrphanSearch, planOrphanRemoval, removeOrphans } from './remove-orphans.js'

const hour = 60 * 60 * 1000
const days = (count: number) => count * 24 * hour

let table: MemoryTable
/** Hours since a key was written; others were written a week ago. */
let ages: Map<string, number>
/** A moment from which on everything that the tests write is old, but for what `ages` says. */
const now = Date.now() + days(8)

beforeEach(() => {
  table = new MemoryTable()
  ages = new Map()
  const list = table.store.list.bind(table.store)
  table.store.list = async function* (prefix, options) {
    for await (const info of list(prefix, options))
      yield { ...info, modified: new Date(now - (ages.get(info.key) ?? 7 * 24) * hour) }
  }
})

function search(more: Partial<OrphanSearch> = {}): OrphanSearch {
  return {
    location: table.metadata.location,
    async *states() {
      yield { metadata: table.metadata }
    },
    now,
    ...more,
  }
}

const put = (key: string) => table.store.put(key, Buffer.from('leftover'))
const found = async (more?: Partial<OrphanSearch>, batch?: number) =>
  (await planOrphanRemoval(table.store, search(more), batch)).files.map(({ path }) => table.store.key(path))

describe('removal of orphans', () => {
  it('says what it would delete, and deletes that', async () => {
    await table.snapshot({ add: [await table.file('a')] })
    await put('t/data/leftover.parquet')
    await put('t/metadata/snap-1-lost.avro')
    const before = await table.keys()
    const plan = await planOrphanRemoval(table.store, search())
    expect(plan).toMatchObject({ bytes: 16, examined: before.length, young: 0 })
    expect(plan.files.map(({ path, size }) => [table.store.key(path), size])).toEqual([
      ['t/data/leftover.parquet', 8],
      ['t/metadata/snap-1-lost.avro', 8],
    ])
    expect(await table.keys()).toEqual(before)
    expect(await removeOrphans(table.store, search(), plan)).toEqual({
      deleted: { orphan: 2 },
      bytes: 16,
      outside: 0,
      failed: 0,
    })
    expect(await found()).toEqual([])
    expect(await table.keys()).toEqual(before.filter((key) => !plan.files.some(({ path }) => path.endsWith(key))))
  })

  it('leaves young files alone, three days by default', async () => {
    await put('t/data/old')
    await put('t/data/young')
    ages.set('t/data/young', 71)
    expect(await found()).toEqual(['t/data/old'])
    expect(await found({ olderThan: new Date(now - 2 * hour) })).toEqual(['t/data/old', 't/data/young'])
  })

  it('refuses an age that a running writer could be younger than', async () => {
    const olderThan = new Date(now - hour + 1)
    await expect(found({ olderThan })).rejects.toMatchObject({ code: 'PHLO_MAINTENANCE_REFUSED' })
    expect(await found({ olderThan, allowYoung: true })).toEqual([])
  })

  it('keeps what metadata and its log name, and what programs hide', async () => {
    await put('t/metadata/00000-a.metadata.json')
    await put('t/metadata/00001-b.metadata.json')
    await put('t/metadata/00002-lost.metadata.json')
    await put('t/metadata/version-hint.text')
    await put('t/.hidden')
    await put('t/_temporary/0/part')
    await put('t/data/_day=1/part')
    table.metadata = {
      ...table.metadata,
      'metadata-log': [{ 'timestamp-ms': 1, 'metadata-file': table.store.uri('t/metadata/00000-a.metadata.json') }],
    }
    const states = async function* () {
      yield { metadata: table.metadata, metadataLocation: table.store.uri('t/metadata/00001-b.metadata.json') }
    }
    expect(await found({ states })).toEqual(['t/data/_day=1/part', 't/metadata/00002-lost.metadata.json'])
  })

  it('knows a file by other spellings of its place', async () => {
    const names = ['plain', 'with space', 'per%20cent']
    for (const name of names) await put(`t/data/${name}`)
    const spelled = ['memory:/t/data/plain', 's3a://elsewhere/t/data/with%20space', '/t/data/per%20cent']
    const add = await Promise.all(names.map((name, index) => table.file(name, { path: spelled[index]! })))
    await table.snapshot({ add })
    expect(await found()).toEqual([])
  })

  it('never touches the folder of another table within', async () => {
    await put('t/inner/data/a')
    await put('t/inner/metadata/00000-x.metadata.json')
    await put('t/declared/data/b')
    await put('t/declared-not/data/c')
    expect(await found({ otherTables: [table.store.uri('t/declared')] })).toEqual(['t/declared-not/data/c'])
    await expect(found({ otherTables: [table.metadata.location] })).rejects.toMatchObject({
      code: 'PHLO_MAINTENANCE_REFUSED',
    })
    await expect(found({ location: 'elsewhere://t' })).rejects.toMatchObject({ code: 'PHLO_MAINTENANCE_REFUSED' })
  })

  it('deletes nothing of a table that it cannot read', async () => {
    await table.snapshot({ add: [await table.file('a')] })
    await put('t/data/leftover')
    const list = table.metadata.snapshots?.[0]?.['manifest-list'] as string
    await table.store.delete([table.store.key(list) as string])
    await expect(found()).rejects.toMatchObject({ code: 'PHLO_OBJECT_NOT_FOUND' })
  })

  it('looks again before it deletes', async () => {
    const late = await table.file('late')
    const plan = await planOrphanRemoval(table.store, search())
    expect(plan.files).toHaveLength(1)
    await table.snapshot({ add: [late] })
    expect(await removeOrphans(table.store, search(), plan)).toMatchObject({ deleted: {} })
    expect(await table.keys()).toContain('t/data/late')
  })

  it('keeps what any metadata file in the folder names, where history may lead back to it', async () => {
    const save = (name: string, zip = false) => {
      const bytes = serializeMetadata(table.metadata)
      return table.store.put(`t/metadata/${name}.metadata.json`, zip ? gzipSync(bytes) : bytes)
    }
    await table.snapshot({ add: [await table.file('a')] })
    await save('1', true)
    await table.snapshot({ add: [await table.file('b')], remove: { mayHold: () => true, matches: () => true } })
    await expireSnapshots(table, { now: table.now + days(9), deleteFiles: false })
    await save('2')
    await put('t/data/leftover')
    const states = () => everyMetadataFile(table.store, table.metadata.location)
    expect(await found({ states })).toEqual(['t/data/leftover'])
    expect((await found()).filter((key) => !key?.endsWith('.json'))).toHaveLength(4)
    await table.store.put('t/metadata/3.metadata.json', Buffer.from([0x1f, 0x8b, 1, 2, 3]))
    await expect(found({ states })).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
  })

  it('reports what the store refuses', async () => {
    await put('t/data/leftover')
    table.store.delete = async () => {
      throw new PhloError('PHLO_STORAGE_FAILED', 'not now')
    }
    const plan = await planOrphanRemoval(table.store, search())
    expect(await removeOrphans(table.store, search(), plan)).toMatchObject({ deleted: {}, failed: 1 })
  })

  it('never takes what is reachable or young, and always the rest', async () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), name }),
      fc.record({ kind: fc.constant('delete' as const), name }),
      fc.record({ kind: fc.constant('leave' as const), name, age: fc.constantFrom(1, 71, 73, 1000) }),
      fc.record({ kind: fc.constant('expire' as const) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.integer({ min: 1, max: 9 }), async (steps, batch) => {
        table.metadata = new MemoryTable().metadata
        await table.store.delete(await table.keys())
        ages.clear()
        const live = new Set<string>()
        const leftovers = new Set<string>()
        for (const [index, item] of steps.entries()) {
          const key = 'name' in item ? `t/data/${item.name}` : ''
          if (item.kind === 'add' && !live.has(key) && !leftovers.has(key)) {
            await table.snapshot({ add: [await table.file(item.name)] })
            ages.set(key, 200)
            live.add(key)
          } else if (item.kind === 'delete' && live.has(key)) {
            const matches = ({ path }: { path: string }) => path === table.store.uri(key)
            await table.snapshot({ add: [], remove: { mayHold: () => true, matches } })
          } else if (item.kind === 'leave') {
            await put(`t/data/${index}-${item.name}`)
            ages.set(`t/data/${index}-${item.name}`, item.age)
            if (item.age > 72) leftovers.add(`t/data/${index}-${item.name}`)
          } else if (item.kind === 'expire') {
            table.now += days(6)
            const gone = await expireSnapshots(table, { now: table.now })
            const keys = new Set(await table.keys())
            for (const candidate of [...live]) if (!keys.has(candidate)) live.delete(candidate)
            expect(gone.files?.failed ?? 0).toBe(0)
          }
        }
        expect(new Set(await found({}, batch))).toEqual(leftovers)
      }),
      { numRuns: 80 },
    )
  })
})
