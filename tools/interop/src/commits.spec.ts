import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { WriteStrategy } from '@phlo/ports'
import { columns } from './lake.js'
import { canonical, Readers } from './readers.js'

let readers: Readers
beforeAll(async () => {
  readers = await Readers.open()
})
afterAll(() => readers.close())

type Row = Readonly<Record<string, unknown>>

/** The rows of every snapshot so far, to be read again at the end. */
class History {
  readonly rows: { readonly snapshotId: bigint; readonly rows: readonly Row[] }[] = []

  async expect(name: string, snapshotId: bigint, rows: readonly Row[]): Promise<void> {
    this.rows.push({ snapshotId, rows: canonical(rows) })
    await readers.expectRows(name, canonical(rows))
    await readers.expectSound(name)
  }

  async expectAll(name: string): Promise<void> {
    for (const { snapshotId, rows } of this.rows) await readers.expectRows(name, rows, { snapshotId })
    const described = await readers.witness.describe(await readers.lake.metadata(name))
    const ids = this.rows.map(({ snapshotId }) => snapshotId.toString())
    expect(described).toMatchObject({
      version: 2,
      current: ids.at(-1),
      refs: { main: ids.at(-1) },
      history: ids,
      lastSequence: ids.length,
    })
    expect(described.snapshots.map(({ id, parent, sequence }) => ({ id, parent, sequence }))).toEqual(
      ids.map((id, index) => ({ id, parent: ids[index - 1] ?? null, sequence: index + 1 })),
    )
  }
}

const event = columns({ id: 'int!', day: 'date', n: 'long' })
const byDay = [{ column: 'day', transform: 'day' }]
const interval = (from: string, to: string) => ({
  strategy: { kind: 'overwrite' } as const,
  interval: { column: 'day', from, to },
})

describe('commits', () => {
  it('appends', async () => {
    const history = new History()
    const rows: Row[] = []
    for (let batch = 0; batch < 5; batch++) {
      const added = [0, 1, 2].map((index) => ({
        id: batch * 3 + index,
        day: `2024-01-0${index + 1}`,
        n: BigInt(batch),
      }))
      rows.push(...added)
      const { snapshotId } = await readers.lake.ingest('c.appended', event, added, { partitioning: byDay })
      await history.expect('c.appended', snapshotId, rows)
    }
    await history.expectAll('c.appended')
    const { described, manifests } = await readers.expectSound('c.appended')
    expect(described.snapshots.map(({ operation }) => operation)).toEqual(Array.from({ length: 5 }, () => 'append'))
    expect(manifests.map(({ sequence }) => sequence).sort()).toEqual([1, 2, 3, 4, 5])
  })

  it('overwrites partitions: what was there goes, the others stay', async () => {
    const name = 'c.overwritten'
    const history = new History()
    const first = [
      { id: 1, day: '1969-12-31', n: 1n },
      { id: 2, day: '1970-01-01', n: 2n },
      { id: 3, day: '1970-01-02', n: 3n },
    ]
    let { snapshotId } = await readers.lake.ingest(name, event, first, {
      partitioning: byDay,
      ...interval('1969-12-31', '1970-01-03'),
    })
    await history.expect(name, snapshotId, first)
    const second = [{ id: 20, day: '1970-01-01', n: 20n }]
    ;({ snapshotId } = await readers.lake.ingest(name, event, second, interval('1970-01-01', '1970-01-02')))
    await history.expect(name, snapshotId, [first[0]!, first[2]!, second[0]!])
    // Nothing comes for a day that had rows: they go all the same.
    ;({ snapshotId } = await readers.lake.ingest(name, event, [], interval('1969-12-31', '1970-01-01')))
    await history.expect(name, snapshotId, [first[2]!, second[0]!])
    // And for one that had none.
    ;({ snapshotId } = await readers.lake.ingest(name, event, [], interval('2001-01-01', '2001-01-02')))
    await history.expect(name, snapshotId, [first[2]!, second[0]!])
    await history.expectAll(name)
    const described = await readers.witness.describe(await readers.lake.metadata(name))
    expect(
      described.snapshots.map(({ operation, summary }) => [operation, summary['deleted-data-files'] ?? '0']),
    ).toEqual([
      ['append', '0'],
      ['overwrite', '1'],
      ['delete', '1'],
      ['append', '0'],
    ])
  })

  it('overwrites a whole table, down to nothing', async () => {
    const name = 'c.replaced'
    const history = new History()
    const strategy = { kind: 'overwrite' } as const
    const rows = [
      { id: 1, day: '2024-01-01', n: 1n },
      { id: 2, day: null, n: null },
    ]
    let { snapshotId } = await readers.lake.ingest(name, event, rows, { partitioning: byDay, strategy })
    await history.expect(name, snapshotId, rows)
    ;({ snapshotId } = await readers.lake.ingest(name, event, [rows[1]!], { strategy }))
    await history.expect(name, snapshotId, [rows[1]!])
    ;({ snapshotId } = await readers.lake.ingest(name, event, [], { strategy }))
    await history.expect(name, snapshotId, [])
    ;({ snapshotId } = await readers.lake.ingest(name, event, rows, { strategy }))
    await history.expect(name, snapshotId, rows)
    await history.expectAll(name)
  })

  it.each(['last', 'first', 'hash'] as const)('merges by key, keeping the %s', async (keep) => {
    const name = `c.merged_${keep}`
    const history = new History()
    const strategy: WriteStrategy = { kind: 'merge', key: ['id'], keep }
    const row = (id: number, n: number | bigint, day: string | null = '2024-01-01') => ({ id, day, n: BigInt(n) })
    let { snapshotId } = await readers.lake.ingest(name, event, [row(1, 1), row(2, 2), row(3, 3, '2024-01-02')], {
      strategy,
      partitioning: byDay,
    })
    await history.expect(name, snapshotId, [row(1, 1), row(2, 2), row(3, 3, '2024-01-02')])
    // 2 moves to another partition, 4 is new and comes twice.
    const batch = [row(2, 20, '2024-01-02'), row(4, 40), row(4, 41)]
    ;({ snapshotId } = await readers.lake.ingest(name, event, batch, { strategy }))
    const fours = { last: [row(4, 41)], first: [row(4, 40)], hash: [row(4, 40), row(4, 41)] }[keep]
    const merged = [row(1, 1), row(2, 20, '2024-01-02'), row(3, 3, '2024-01-02'), ...fours]
    await history.expect(name, snapshotId, merged)
    ;({ snapshotId } = await readers.lake.ingest(name, event, [row(9, 9, null)], { strategy }))
    await history.expect(name, snapshotId, [...merged, row(9, 9, null)])
    await history.expectAll(name)
  })

  it('follows a schema that grows, and reads older snapshots as they were', async () => {
    const name = 'c.evolved'
    const history = new History()
    const first = [
      { id: 1, i: 2147483647, f: 0.5, d: '99.99', r: 'x' },
      { id: 2, i: null, f: null, d: null, r: 'y' },
    ]
    let { snapshotId } = await readers.lake.ingest(
      name,
      columns({ id: 'int!', i: 'int', f: 'float', d: 'decimal(4, 2)', r: 'string!' }),
      first,
      {
        partitioning: [
          { column: 'i', transform: 'identity' },
          { column: 'd', transform: 'bucket[4]' },
        ],
      },
    )
    await history.expect(name, snapshotId, first)
    const wide = columns({
      id: 'int!',
      added: 'timestamptz',
      i: 'long',
      f: 'double',
      d: 'decimal(9, 2)',
      r: 'string',
      tail: { type: 'list', 'element-id': 0, element: 'int', 'element-required': false },
    })
    const second = [
      { id: 3, added: '2024-01-01T00:00:00.000000Z', i: -5n, f: 0.1, d: '1234567.89', r: null, tail: [1, null] },
      { id: 4, added: null, i: 2147483648n, f: 1e300, d: '0.00', r: 'z', tail: null },
    ]
    ;({ snapshotId } = await readers.lake.ingest(name, wide, second))
    const widened = first.map(({ id, i, f, d, r }) => ({
      id,
      added: null,
      i: i === null ? null : BigInt(i),
      f,
      d,
      r,
      tail: null,
    }))
    await history.expect(name, snapshotId, [...widened, ...second])
    // A rewrite of old files puts them under the new types.
    ;({ snapshotId } = await readers.lake.ingest(name, wide, [{ ...second[0]!, id: 1 }], {
      strategy: { kind: 'merge', key: ['id'], keep: 'last' },
    }))
    await history.expect(name, snapshotId, [{ ...second[0]!, id: 1 }, widened[1]!, ...second])
    await history.expectAll(name)
    const metadata = await readers.lake.metadata(name)
    const described = await readers.witness.describe(metadata)
    expect(described.lastColumnId).toBe(8)
    expect(described.schema.fields.map(({ id, name: column, type, required }) => [id, column, type, required])).toEqual(
      [
        [1, 'id', 'int', true],
        [6, 'added', 'timestamptz', false],
        [2, 'i', 'long', false],
        [3, 'f', 'double', false],
        [4, 'd', 'decimal(9, 2)', false],
        [5, 'r', 'string', false],
        [7, 'tail', expect.objectContaining({ 'element-id': 8 }), false],
      ],
    )
    await readers.expectPlan(name, { op: 'lt', column: 'i', value: 2147483648n })
    // At the first snapshot the column is still an int, and so are its partitions.
    const [oldest] = history.rows
    const planned = await readers.expectPlan(name, { op: 'eq', column: 'i', value: 2147483647 }, oldest!.snapshotId)
    expect(planned).toBe(1)
  })

  it('replaces columns and partitions together, without bringing old values back', async () => {
    const name = 'c.relaid'
    const first = await readers.lake.materialize(name, "SELECT 1 AS id, 'old' AS v, 5 AS w", 'replace', ['w'])
    await readers.expectRows(name, [{ id: 1, v: 'old', w: 5 }])
    const second = await readers.lake.materialize(name, "SELECT 2 AS id, DATE '2024-05-06' AS v", 'replace', ['day(v)'])
    await readers.expectRows(name, [{ id: 2, v: '2024-05-06' }])
    await readers.lake.materialize(name, "SELECT 3 AS id, DATE '2024-05-07' AS v", 'append')
    await readers.expectRows(name, [
      { id: 2, v: '2024-05-06' },
      { id: 3, v: '2024-05-07' },
    ])
    await readers.expectRows(name, [{ id: 2, v: '2024-05-06' }], { snapshotId: second.snapshotId })
    await readers.expectRows(name, [{ id: 1, v: 'old', w: 5 }], { snapshotId: first.snapshotId })
    const { described } = await readers.expectSound(name)
    expect(described.schema.fields.map(({ id, type }) => [id, type])).toEqual([
      [1, 'int'],
      [4, 'date'],
    ])
    expect(described.spec.fields).toMatchObject([{ 'source-id': 4, 'field-id': 1001, transform: 'day' }])
  })

  it('makes an empty table that has its columns', async () => {
    await readers.lake.ingest('c.empty', event, [], { partitioning: byDay })
    await readers.expectRows('c.empty', [])
    const { described } = await readers.expectSound('c.empty')
    expect(described.schema.fields.map(({ name, type }) => [name, type])).toEqual([
      ['id', 'int'],
      ['day', 'date'],
      ['n', 'long'],
    ])
    expect(described.snapshots).toMatchObject([{ operation: 'append', files: 0, records: 0, bytes: 0 }])
  })
})
