import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type DataFile, fileContent } from '@phlo/iceberg'
import { plainRows } from '@phlo/ports/testing'
import fc from 'fast-check'
import { ForeignFiles } from '../testing/foreign-files.js'
import { TestLake } from '../testing/lake.js'

/** What writers do to a table, one commit each. */
type Step =
  | { readonly kind: 'append'; readonly part: number; readonly ids: readonly (number | null)[] }
  /** Rows by their place among all live rows: by a file of positions in version 2, by deletion vectors in version 3. */
  | { readonly kind: 'positions'; readonly picks: readonly number[] }
  | { readonly kind: 'equality'; readonly part: number; readonly ids: readonly (number | null)[] }

const part = fc.integer({ min: 0, max: 2 })
const ids = fc.array(fc.option(fc.integer({ min: 0, max: 6 })), { minLength: 1, maxLength: 5 })
const picks = fc.array(fc.nat(50), { minLength: 1, maxLength: 3 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), part, ids }),
  fc.record({ kind: fc.constant('positions' as const), picks }),
  fc.record({ kind: fc.constant('equality' as const), part, ids }),
)

interface ModelRow {
  readonly id: number | null
  readonly part: number
  readonly file: string
  readonly pos: number
  live: boolean
}

let lake: TestLake
let foreign: ForeignFiles
beforeAll(async () => {
  lake = await TestLake.open()
  foreign = new ForeignFiles(lake)
})
afterAll(() => lake.close())

const values = (list: readonly (number | null)[], columns: (id: string) => string) =>
  list.map((id) => `SELECT ${columns(`${id === null ? 'NULL' : id}::BIGINT`)}`).join(' UNION ALL ')

describe('the rows of a table', () => {
  it('are those that any sequence of appends and deletes of all kinds leaves', async () => {
    let tables = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), fc.constantFrom(2, 3), async (steps, version) => {
        const name = `a.t${++tables}`
        await lake.put(name, 'SELECT 0::BIGINT AS id, 0::BIGINT AS part WHERE FALSE', { partitionBy: ['part'] })
        await foreign.update(name, [{ action: 'upgrade-format-version', 'format-version': version }])
        const model: ModelRow[] = []
        for (const item of [{ kind: 'append', part: 0, ids: [1, null, 2] } as const, ...steps]) {
          await apply(name, model, item, version)
        }
        const expected = model.filter(({ live }) => live).map(({ id, part: of }) => `${id} ${of}`)
        const found = await plainRows(await lake.queries.query(`SELECT id, part FROM ${name}`))
        expect(found.map(({ id, part: of }) => `${String(id)} ${String(of)}`).sort()).toEqual(expected.sort())
      }),
      { numRuns: 15 },
    )
  })
})

async function apply(name: string, model: ModelRow[], item: Step, version: number): Promise<void> {
  if (item.kind === 'append') {
    const file = await foreign.parquet(
      values(item.ids, (id) => `${id} AS id, ${item.part}::BIGINT AS part`),
      '{id: 1, part: 2}',
      {
        content: fileContent.data,
        partition: [BigInt(item.part)],
      },
    )
    await foreign.commit(name, [file])
    item.ids.forEach((id, pos) => model.push({ id, part: item.part, file: file.path, pos, live: true }))
    return
  }
  if (item.kind === 'equality') {
    const file = await foreign.parquet(
      values(item.ids, (id) => `${id} AS id`),
      '{id: 1}',
      {
        content: fileContent.equalityDeletes,
        equalityIds: [1],
        partition: [BigInt(item.part)],
      },
    )
    await foreign.commit(name, [file])
    for (const row of model) if (row.part === item.part && item.ids.includes(row.id)) row.live = false
    return
  }
  const live = model.filter((row) => row.live)
  const picked = [...new Set(item.picks.map((pick) => live[pick % Math.max(live.length, 1)]))].filter(
    (row) => row !== undefined,
  )
  const added: DataFile[] = []
  for (const row of picked) row.live = false
  for (const path of new Set(picked.map(({ file }) => file))) {
    const own = picked.filter(({ file }) => file === path)
    const gone = version < 3 ? own : model.filter((row) => row.file === path && !row.live)
    const partition = [BigInt(gone[0]?.part ?? 0)]
    // A vector holds all that was deleted of its file before.
    const deletes =
      version < 3
        ? await foreign.positions(gone.map(({ pos }) => [path, pos] as const))
        : await foreign.vector(
            path,
            gone.map(({ pos }) => pos),
          )
    added.push({ ...deletes, partition })
  }
  if (added.length > 0) await foreign.commit(name, added)
}
