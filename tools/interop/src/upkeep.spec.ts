import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createRef, expireSnapshots, fastForward, removeRef, rewriteManifests, rollbackTo } from '@phlo/iceberg'
import { canonical, Readers } from './readers.js'

let readers: Readers
beforeAll(async () => {
  readers = await Readers.open()
})
afterAll(() => readers.close())

type Row = Readonly<Record<string, unknown>>

async function expectRows(name: string, rows: readonly Row[]): Promise<void> {
  await readers.expectRows(name, canonical([...rows].sort((a, b) => Number(a['id']) - Number(b['id']))))
  await readers.expectAgreement(name)
}

async function current(name: string): Promise<bigint> {
  const { metadata } = await readers.lake.load(name)
  return metadata['current-snapshot-id'] ?? 0n
}

/** A table with deleted rows in several files. */
async function worn(name: string, version: number): Promise<readonly Row[]> {
  const modes = ['delete', 'update', 'merge'].map((command) => `'write.${command}.mode' = 'merge-on-read'`)
  const { lake } = readers
  await lake.execute(`CREATE TABLE ${name} PARTITIONED BY (part)
    WITH ('format-version' = ${version}, ${modes.join(', ')}) AS
    SELECT range::INT AS id, (range % 2)::INT AS part, 'v' || range AS v FROM range(10)`)
  for (let id = 10; id < 16; id++) await lake.execute(`INSERT INTO ${name} VALUES (${id}, ${id % 2}, 'v${id}')`)
  await lake.execute(`DELETE FROM ${name} WHERE id IN (1, 4, 12)`)
  await lake.execute(`UPDATE ${name} SET v = 'changed' WHERE id IN (2, 13)`)
  return Array.from({ length: 16 }, (_, id) => ({
    id,
    part: id % 2,
    v: id === 2 || id === 13 ? 'changed' : `v${id}`,
  })).filter(({ id }) => ![1, 4, 12].includes(id))
}

describe.each([2, 3])('upkeep of a table of version %i leaves its rows as they are', (version) => {
  it.each([
    ['packed', {}],
    ['sorted', { strategy: { kind: 'sort', by: [{ column: 'v', descending: true }] } }],
    ['clustered', { strategy: { kind: 'zorder', columns: ['id', 'v'] } }],
  ] as const)('%s', async (how, request) => {
    const name = `upkeep.${how}_${version}`
    const rows = await worn(name, version)
    await expectRows(name, rows)
    const before = version === 3 ? await readers.lineage(name) : undefined
    const result = await readers.lake.rewrite(name, { all: true, ...request })
    expect(result.removedFiles).toBeGreaterThan(result.addedFiles)
    await expectRows(name, rows)
    if (before) expect(await readers.lineage(name)).toEqual(before)
    await readers.lake.execute(`DELETE FROM ${name} WHERE id = 3`)
    await expectRows(
      name,
      rows.filter(({ id }) => id !== 3),
    )
  })

  it('manifests, and snapshots that expire', async () => {
    const name = `upkeep.manifests_${version}`
    const rows = await worn(name, version)
    const table = await readers.lake.table(name)
    const before = version === 3 ? await readers.lineage(name) : undefined
    const { replaced, created } = await rewriteManifests(table, { all: true })
    expect(replaced).toBeGreaterThan(created)
    await expectRows(name, rows)
    if (before) expect(await readers.lineage(name)).toEqual(before)
    const { snapshotIds } = await expireSnapshots(table, { olderThan: new Date(Date.now() + 1000), keepLast: 2 })
    expect(snapshotIds.length).toBeGreaterThan(3)
    await expectRows(name, rows)
    await readers.lake.execute(`INSERT INTO ${name} VALUES (100, 0, 'last')`)
    await expectRows(name, [...rows, { id: 100, part: 0, v: 'last' }])
  })
})

describe('branches and tags of a table', () => {
  it('stand where Phlo put them', async () => {
    const name = 'upkeep.refs'
    const { lake, java, witness } = readers
    const row = (id: number) => ({ id, v: `v${id}` })
    await lake.execute(`CREATE TABLE ${name} AS SELECT 1 AS id, 'v1' AS v`)
    const first = await current(name)
    const table = await lake.table(name)
    await table.manageSnapshots(createRef('b', 'branch'), createRef('t', 'tag', { maxRefAgeMs: 1e12 }))
    await lake.execute(`INSERT INTO ${name} VALUES (2, 'v2')`)
    await table.load()
    await table.manageSnapshots(createRef('c', 'branch', { minSnapshotsToKeep: 3 }))
    const expectRefs = async (refs: Readonly<Record<string, readonly Row[]>>) => {
      const metadata = await lake.metadata(name)
      expect(Object.keys((await witness.describe(metadata)).refs).sort()).toEqual(Object.keys(refs).sort())
      for (const [ref, rows] of Object.entries(refs)) {
        expect({ ref, rows: await java.read(metadata, { ref }) }).toEqual({ ref, rows: canonical(rows) })
      }
      await readers.expectAgreement(name)
    }
    await expectRefs({ main: [row(1), row(2)], b: [row(1)], t: [row(1)], c: [row(1), row(2)] })
    await table.manageSnapshots(fastForward('b', 'main'), rollbackTo(first), removeRef('c'))
    await expectRefs({ main: [row(1)], b: [row(1), row(2)], t: [row(1)] })
    await expectRows(name, [row(1)])
    await lake.execute(`INSERT INTO ${name} VALUES (3, 'v3')`)
    const picked = (await table.load()).refs?.['b']?.['snapshot-id'] ?? 0n
    await table.cherryPick(picked)
    await expectRows(name, [row(1), row(2), row(3)])
    await expectRefs({ main: [row(1), row(2), row(3)], b: [row(1), row(2)], t: [row(1)] })
  })
})
