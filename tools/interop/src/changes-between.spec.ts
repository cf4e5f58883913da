import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { planChangelogScan, planIncrementalAppendScan } from '@phlo/iceberg'
import { JavaTables } from './java-tables.js'
import { canonical } from './readers.js'

let tables: JavaTables
beforeAll(async () => {
  tables = await JavaTables.open()
})
afterAll(() => tables.close())

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** Phlo and Iceberg Java find the same files appended, and the same changed, between any two snapshots. */
async function expectSame(name: string): Promise<void> {
  const { lake, java } = tables.readers
  const { metadata } = await lake.load(name)
  const location = await lake.metadata(name)
  const ids = (metadata.snapshots ?? []).map((snapshot) => snapshot['snapshot-id'])
  for (const [index, fromExclusive] of ids.entries()) {
    for (const snapshotId of ids.slice(index + 1)) {
      const interval = { fromExclusive, to: { snapshotId } }
      const appended = await all(planIncrementalAppendScan(lake.store, metadata, interval))
      expect(appended.map(({ file }) => file.path).sort()).toEqual(
        await java.incremental(location, fromExclusive, snapshotId),
      )
      const changed = await all(planChangelogScan(lake.store, metadata, interval))
      const files = changed.map(({ kind, changeOrdinal, commitSnapshotId, file }) => ({
        ordinal: changeOrdinal,
        snapshot: commitSnapshotId.toString(),
        operation: kind === 'added-rows' ? 'insert' : 'delete',
        file: file.path,
      }))
      const theirs = await java.changelog(location, fromExclusive, snapshotId)
      const byText = (left: object, right: object) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1)
      expect(files.sort(byText)).toEqual([...theirs].sort(byText))
    }
  }
}

const row = (id: number, day: string | null = '2024-01-01') => ({ id, day, v: `v${id}` })

describe('what happened between two snapshots', () => {
  it.each([1, 2, 3] as const)('by Iceberg Java, in a table of version %s', async (version) => {
    await tables.create(
      `between_${version}`,
      { id: 'int', day: 'date', v: 'string' },
      { version, partitioning: [['day', 'month']] },
      { do: 'append', rows: [row(1), row(2, '2024-02-01')] },
      { do: 'append', rows: [row(3), row(4, null)] },
      { do: 'delete', filter: { op: 'is-null', column: 'day' } },
      { do: 'replacePartitions', rows: [row(5), row(6)] },
      { do: 'rewriteManifests' },
      { do: 'append', fast: true, rows: [row(7, null)] },
      { do: 'compact' },
      { do: 'append', rows: [row(8)] },
    )
    await expectSame(`java.between_${version}`)
  })

  it('by statements of Phlo that copy rows', async () => {
    const name = 'java.between_statements'
    const { lake } = tables.readers
    await lake.execute(`CREATE TABLE ${name} PARTITIONED BY (part) AS
      SELECT range::INT AS id, (range % 2)::INT AS part FROM range(6)`)
    await lake.execute(`INSERT INTO ${name} VALUES (6, 0), (7, 1)`)
    await lake.execute(`UPDATE ${name} SET part = 2 WHERE id = 6`)
    await lake.execute(`DELETE FROM ${name} WHERE part = 1`)
    await lake.execute(`INSERT INTO ${name} VALUES (8, 0)`)
    await tables.readers.expectRows(name, canonical([0, 2, 4, 6, 8].map((id) => ({ id, part: id === 6 ? 2 : 0 }))))
    await expectSame(name)
  })
})
