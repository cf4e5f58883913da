import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { IngestRequest, WriteStrategy } from '@phlo/ports'
import fc from 'fast-check'
import { table, TestLake, z } from '../testing/lake.js'

let lake: TestLake
let tables = 0
beforeAll(async () => {
  lake = await TestLake.open({ threads: 2 })
})
afterAll(() => lake.close())

const Item = z.object({ id: z.int(), place: z.string(), at: z.int(), v: z.string().nullable() })
interface Row {
  readonly id: number
  readonly place: string
  readonly at: number
  readonly v: string | null
}

const row: fc.Arbitrary<Row> = fc.record({
  id: fc.integer({ min: 0, max: 4 }),
  place: fc.constantFrom('a', 'b', 'c'),
  at: fc.integer({ min: 0, max: 3 }),
  v: fc.constantFrom('x', 'y', null),
})
const batches = <T>(of: fc.Arbitrary<T>) => fc.array(fc.array(of, { maxLength: 7 }), { minLength: 1, maxLength: 4 })
const modes = fc.constantFrom('copy-on-write', 'merge-on-read')

/** A table of its own for each run of a property. */
function newTable(request: Partial<IngestRequest>, mode = 'copy-on-write', schema: z.ZodObject = Item) {
  const name = `bronze.t${++tables}`
  const target = table(name)
  return {
    name,
    take: (rows: readonly object[], more: Partial<IngestRequest> = {}) =>
      lake.ingest(schema, {
        target,
        quarantine: table(`quarantine.t${tables}`),
        inputs: [{ type: 'rows', name: 'rows', rows: rows as Iterable<Record<string, unknown>> }],
        properties: { 'write.merge.mode': mode },
        ...request,
        ...more,
      }),
    rows: async (columns = 'id::INT AS id, place, "at"::INT AS "at", v') =>
      (await lake.rows(`SELECT ${columns} FROM ${name} ORDER BY ALL`)) as unknown as Row[],
  }
}

const sorted = <T extends object>(rows: Iterable<T>) =>
  [...rows].map((item) => JSON.stringify(item, Object.keys(item).sort())).sort()

/** Takes each batch in, the same twice where `again` says so, and holds the table against the model after each. */
async function holdAgainst(
  strategy: WriteStrategy,
  all: readonly (readonly Row[])[],
  mode: string,
  model: (rows: readonly Row[], batch: readonly Row[]) => readonly Row[],
  request: Partial<IngestRequest> = {},
) {
  const made = newTable({ strategy, ...request }, mode)
  let expected: readonly Row[] = []
  for (const batch of all) {
    expected = model(expected, batch)
    for (const attempt of ['first', 'again']) {
      await made.take(batch)
      expect([attempt, ...sorted(await made.rows())]).toEqual([attempt, ...sorted(expected)])
    }
  }
}

type Better = (a: Row, b: Row) => boolean

/** Of each key the row that no later one is better than. */
function winners(batch: readonly Row[], better: Better): Map<number, Row> {
  const kept = new Map<number, Row>()
  for (const item of batch) {
    const known = kept.get(item.id)
    if (!known || better(item, known)) kept.set(item.id, item)
  }
  return kept
}

const without = (rows: readonly Row[], keys: ReadonlyMap<number, unknown>) => rows.filter(({ id }) => !keys.has(id))

const choices: readonly [
  string,
  WriteStrategy & { readonly kind: 'merge' },
  Better,
  (held: Row, next: Row) => boolean,
][] = [
  ['last', { kind: 'merge', key: ['id'], keep: 'last' }, () => true, () => false],
  ['first', { kind: 'merge', key: ['id'], keep: 'first' }, () => false, () => false],
  [
    'greatest',
    { kind: 'merge', key: ['id'], keep: 'last', orderBy: 'at' },
    (a, b) => a.at >= b.at,
    (held, next) => held.at > next.at,
  ],
  [
    'smallest',
    { kind: 'merge', key: ['id'], keep: 'first', orderBy: 'at' },
    (a, b) => a.at < b.at,
    (held, next) => held.at < next.at,
  ],
]

describe('strategies, held against a model and taken in twice', () => {
  it.each(choices)('a merge keeps the %s row of a key', async (_name, strategy, better, holds) => {
    await fc.assert(
      fc.asyncProperty(batches(row), modes, (all, mode) =>
        holdAgainst(strategy, all, mode, (rows, batch) => {
          const next = winners(batch, better)
          for (const held of rows) {
            const other = next.get(held.id)
            if (other && holds(held, other)) next.delete(held.id)
          }
          return [...without(rows, next), ...next.values()]
        }),
      ),
      { numRuns: 8 },
    )
  })

  it('a merge by hash keeps all rows of a key that differ', async () => {
    await fc.assert(
      fc.asyncProperty(batches(row), modes, (all, mode) =>
        holdAgainst({ kind: 'merge', key: ['id'], keep: 'hash' }, all, mode, (rows, batch) => {
          const distinct = new Map(batch.map((item) => [JSON.stringify(item), item]))
          return [
            ...without(
              rows,
              winners(batch, () => true),
            ),
            ...distinct.values(),
          ]
        }),
      ),
      { numRuns: 6 },
    )
  })

  it('what is only inserted leaves the rows that are there', async () => {
    await fc.assert(
      fc.asyncProperty(batches(row), modes, (all, mode) =>
        holdAgainst({ kind: 'insert-only', key: ['id'], keep: 'first' }, all, mode, (rows, batch) => {
          const next = winners(batch, () => false)
          for (const { id } of rows) next.delete(id)
          return [...rows, ...next.values()]
        }),
      ),
      { numRuns: 8 },
    )
  })

  it.each([
    ['the values of columns', { kind: 'delete-insert', by: ['place'] }, {}],
    ['partitions', { kind: 'delete-insert' }, { partitioning: [{ column: 'place', transform: 'identity' }] }],
  ] as const)('what is deleted by %s makes room for all that is new', async (_name, strategy, request) => {
    await fc.assert(
      fc.asyncProperty(batches(row), modes, (all, mode) =>
        holdAgainst(
          strategy,
          all,
          mode,
          (rows, batch) => {
            const places = new Set(batch.map(({ place }) => place))
            return [...rows.filter(({ place }) => !places.has(place)), ...batch]
          },
          request,
        ),
      ),
      { numRuns: 8 },
    )
  })

  it('partitions that are not there are not replaced', async () => {
    const { take } = newTable({ strategy: { kind: 'delete-insert' } })
    await take([{ id: 1, place: 'a', at: 1, v: null }])
    await expect(take([{ id: 1, place: 'a', at: 1, v: null }])).rejects.toMatchObject({
      code: 'PHLO_PARTITION_INVALID',
    })
  })
})

const Event = z.object({
  id: z.int(),
  op: z.enum(['I', 'U', 'D']),
  lsn: z.int(),
  seq: z.int(),
  v: z.string().min(1),
})
interface Change {
  readonly id: number
  readonly op: string
  readonly lsn: number
  readonly seq: number
  readonly v?: string
}

/** Positions go on from batch to batch, as those of a log do, or also back. */
const changes = fc
  .tuple(
    batches(
      fc.record({
        id: fc.integer({ min: 0, max: 4 }),
        op: fc.constantFrom('I', 'U', 'D'),
        lsn: fc.integer({ min: 0, max: 2 }),
        v: fc.constantFrom('x', 'y'),
      }),
    ),
  )
  .map(([all]) =>
    all.map((batch, index) =>
      batch.map(({ lsn, v, ...rest }, seq): Change => ({
        ...rest,
        lsn: index * 3 + lsn,
        seq,
        // A deletion names its row and nothing else.
        ...(rest.op !== 'D' && { v }),
      })),
    ),
  )

describe('changes of a log', () => {
  const strategy = (deletion: 'hard' | 'soft'): WriteStrategy => ({
    kind: 'cdc',
    key: ['id'],
    position: ['lsn', 'seq'],
    operation: { column: 'op', deletes: ['D'] },
    deletion,
  })
  const columns = 'id::INT AS id, op, lsn::INT AS lsn, seq::INT AS seq, v'

  it.each(['hard', 'soft'] as const)('are applied in the order of their positions, deletions %s', async (deletion) => {
    await fc.assert(
      fc.asyncProperty(changes, modes, async (all, mode) => {
        const made = newTable({ strategy: strategy(deletion) }, mode, Event)
        const expected = new Map<number, Change>()
        for (const batch of all) {
          const ordered = batch.toSorted((a, b) => a.lsn - b.lsn || a.seq - b.seq)
          const last = new Map(ordered.map((change) => [change.id, change]))
          for (const [id, change] of last) {
            const held = expected.get(id)
            if (change.op !== 'D') expected.set(id, change)
            else if (deletion === 'hard') expected.delete(id)
            else if (held && held.op !== 'D') expected.set(id, { ...held, op: 'D', lsn: change.lsn, seq: change.seq })
          }
          for (const attempt of ['first', 'again']) {
            const result = await made.take(batch)
            expect(result.rejected).toBe(0)
            expect([attempt, ...sorted(await made.rows(columns))]).toEqual([attempt, ...sorted(expected.values())])
          }
        }
      }),
      { numRuns: 10 },
    )
  })

  it('that come late change nothing, and are counted', async () => {
    const { take, rows } = newTable({ strategy: strategy('hard') }, 'merge-on-read', Event)
    await take([
      { id: 1, op: 'I', lsn: 5, seq: 0, v: 'new' },
      { id: 2, op: 'I', lsn: 5, seq: 1, v: 'new' },
    ])
    const result = await take([
      { id: 1, op: 'D', lsn: 4, seq: 9 },
      { id: 2, op: 'D', lsn: 5, seq: 2 },
      { id: 3, op: 'D', lsn: 5, seq: 3 },
    ])
    expect(result).toMatchObject({ read: 3, written: 0, rejected: 0, unchanged: 1, deleted: 1 })
    expect(await rows(columns)).toEqual([{ id: 1, op: 'I', lsn: 5, seq: 0, v: 'new' }])
  })

  it('must be whole rows where they delete nothing', async () => {
    const { take } = newTable({ strategy: strategy('hard') }, 'copy-on-write', Event)
    const result = await take([
      { id: 1, op: 'U', lsn: 1, seq: 0 },
      { id: 2, op: 'D', lsn: 1, seq: 1 },
      { op: 'D', lsn: 1, seq: 2 },
      { id: 4, op: 'I', lsn: 1, seq: 3, v: 'x' },
    ])
    expect(result).toMatchObject({ read: 4, written: 1, rejected: 2 })
    expect(result.rejectedRules.map(({ rule }) => rule)).toEqual(['id required', 'v required'])
  })
})

interface Version extends Row {
  readonly batch: number
  readonly until: number | null
}

describe('a history', () => {
  it.each(['close', 'keep'] as const)(
    'has each version of a key once, one of them current; absent keys: %s',
    async (absent) => {
      await fc.assert(
        fc.asyncProperty(batches(row), modes, async (all, mode) => {
          const made = newTable({ strategy: { kind: 'scd2', key: ['id'], keep: 'last', absent } }, mode)
          let history: Version[] = []
          for (const [index, rows] of all.entries()) {
            const next = winners(rows, () => true)
            history = history.map((version) => {
              const given = next.get(version.id)
              const same = given && JSON.stringify({ ...given }) === JSON.stringify(plain(version))
              const closes = version.until === null && (given ? !same : absent === 'close')
              if (version.until === null && same) next.delete(version.id)
              return closes ? { ...version, until: index } : version
            })
            history.push(...[...next.values()].map((item) => ({ ...item, batch: index, until: null })))
            for (const attempt of ['first', 'again']) {
              await made.take(rows)
              expect([attempt, ...(await versions(made.name))]).toEqual([
                attempt,
                ...sorted(
                  history.map((version) => ({
                    ...plain(version),
                    current: version.until === null,
                    // Every version of a key ends where the next one begins, or later.
                    ended: version.until !== null,
                  })),
                ),
              ])
            }
          }
          const overlapping = await lake.rows(
            `SELECT id FROM (SELECT id, valid_to, lead(valid_from) OVER (PARTITION BY id ORDER BY valid_from) AS following ` +
              `FROM ${made.name}) WHERE valid_to > following OR (valid_to IS NULL AND following IS NOT NULL)`,
          )
          expect(overlapping).toEqual([])
        }),
        { numRuns: 8 },
      )
    },
  )

  it('closes nothing that is absent from a batch of which a row was rejected', async () => {
    const { take, name } = newTable({ strategy: { kind: 'scd2', key: ['id'], keep: 'last', absent: 'close' } })
    const one = { id: 1, place: 'a', at: 1, v: null }
    await take([one, { ...one, id: 2 }])
    expect(await take([one, { ...one, id: 'two' }])).toMatchObject({ rejected: 1, unchanged: 1 })
    expect(await lake.rows(`SELECT id::INT AS id FROM ${name} WHERE is_current ORDER BY id`)).toEqual([
      { id: 1 },
      { id: 2 },
    ])
    expect(await take([one])).toMatchObject({ written: 0, unchanged: 1, deleted: 1 })
    expect(await lake.rows(`SELECT id::INT AS id FROM ${name} WHERE is_current`)).toEqual([{ id: 1 }])
  })

  it('takes no version in that is older than one it has', async () => {
    const strategy: WriteStrategy = { kind: 'scd2', key: ['id'], keep: 'last', orderBy: 'at', absent: 'close' }
    const { take, name } = newTable({ strategy })
    const one = { id: 1, place: 'a', at: 5, v: 'x' }
    await take([one])
    expect(await take([{ ...one, at: 4, v: 'old' }])).toMatchObject({ written: 0, unchanged: 1 })
    expect(await lake.rows(`SELECT v FROM ${name} WHERE is_current`)).toEqual([{ v: 'x' }])
  })
})

const plain = ({ id, place, at, v }: Row): Row => ({ id, place, at, v })

async function versions(name: string): Promise<string[]> {
  const rows = await lake.rows(
    `SELECT id::INT AS id, place, "at"::INT AS "at", v, is_current AS current, valid_to IS NOT NULL AS ended FROM ${name}`,
  )
  return sorted(rows)
}
