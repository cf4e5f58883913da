import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { isVersioned, type VersionedCatalog } from '@phlo/ports'
import { columns } from './lake.js'
import { canonical, Readers } from './readers.js'

let readers: Readers
let catalog: VersionedCatalog
beforeAll(async () => {
  readers = await Readers.open()
  if (!isVersioned(readers.lake.catalog)) throw new Error('The catalog has no branches')
  catalog = readers.lake.catalog
})
afterAll(() => readers.close())

type Row = { readonly id: number; readonly day: string | null; readonly v: string | null; readonly n?: number | null }
type Lineage = Readonly<Record<string, readonly unknown[]>>

const days = ['2024-01-01', '2024-01-02', null]
const made = (id: number): Row => ({ id, day: days[id % 3] ?? null, v: `v${id}` })
const values = (...ids: number[]) =>
  `INSERT INTO tbl (id, day, v) VALUES ${ids.map((id) => `(${id}, ${days[id % 3] ? `'${days[id % 3]}'` : 'NULL'}, 'v${id}')`).join(', ')}`
const base = Array.from({ length: 12 }, (_, id) => made(id))

/** A statement, a day whose rows are replaced, or files written anew. */
type Step = string | { readonly replaced: string; readonly rows: readonly Row[] } | { readonly rewrites: true }

interface Scenario {
  readonly what: string
  readonly source: readonly Step[]
  readonly target: readonly Step[]
  readonly rows: readonly Row[]
}

const without = (gone: (row: Row) => boolean) => base.filter((row) => !gone(row))
const [first, second] = ['2024-01-01', '2024-01-02']

const scenarios: readonly Scenario[] = [
  {
    what: 'appends beside appends',
    source: [values(20, 21), values(22)],
    target: [values(30), values(31, 32)],
    rows: [...base, ...[20, 21, 22, 30, 31, 32].map(made)],
  },
  {
    what: 'overwrites of different partitions',
    source: [{ replaced: first, rows: [made(21)] }],
    target: [{ replaced: second, rows: [made(31), made(34)] }],
    rows: [...without(({ day }) => day === first || day === second), ...[21, 31, 34].map(made)],
  },
  {
    what: 'deletes beside appends',
    source: [`DELETE FROM tbl WHERE day = DATE '${first}' AND id IN (0, 3)`, `DELETE FROM tbl WHERE day IS NULL`],
    target: [values(31), values(34)],
    rows: [...without(({ id, day }) => id === 0 || id === 3 || day === null), made(31), made(34)],
  },
  {
    what: 'appends beside deletes',
    source: [values(31), values(34)],
    target: [`DELETE FROM tbl WHERE day = DATE '${first}' AND id IN (0, 3)`, `DELETE FROM tbl WHERE day IS NULL`],
    rows: [...without(({ id, day }) => id === 0 || id === 3 || day === null), made(31), made(34)],
  },
  {
    what: 'rows changed beside rows changed in other partitions',
    // One statement: in version 3, what the source changes again of files of its own cannot be merged.
    source: [`UPDATE tbl SET v = 'source' WHERE day = DATE '${first}' AND id > 4`],
    target: [
      `UPDATE tbl SET v = 'target' WHERE day = DATE '${second}' AND id > 4`,
      `DELETE FROM tbl WHERE day = DATE '${second}' AND id = 1`,
    ],
    rows: without(({ id }) => id === 1).map((row) => {
      if (row.id <= 4 || row.day === null) return row
      return { ...row, v: row.day === first ? 'source' : 'target' }
    }),
  },
  {
    what: 'appends beside files that were written anew',
    source: [values(20), values(21)],
    target: [`DELETE FROM tbl WHERE id = 4`, { rewrites: true }],
    rows: [...without(({ id }) => id === 4), made(20), made(21)],
  },
  {
    what: 'columns that come beside appends',
    source: ['ALTER TABLE tbl ADD COLUMN n INT', "INSERT INTO tbl VALUES (20, NULL, 'v20', 7)"],
    target: [values(30)],
    rows: [...base, made(30)].map((row): Row => ({ ...row, n: null })).concat({ ...made(20), day: null, n: 7 }),
  },
]

async function take(name: string, branch: string, steps: readonly Step[]): Promise<void> {
  const { lake } = readers
  for (const step of steps) {
    if (typeof step === 'string') await lake.execute(step.replaceAll('tbl', name), branch)
    else if ('rewrites' in step) await lake.rewrite(name, { all: true }, branch)
    else {
      const to = new Date(Date.parse(step.replaced) + 86_400_000).toISOString().slice(0, 10)
      await lake.ingest(name, columns({ id: 'int', day: 'date', v: 'string' }), step.rows, {
        ref: branch,
        strategy: { kind: 'overwrite' },
        interval: { column: 'day', from: step.replaced, to },
      })
    }
  }
}

const byId = (rows: readonly Row[]) => canonical([...rows].sort((left, right) => left.id - right.id))

describe.each([
  ['copy-on-write', 2],
  ['merge-on-read', 2],
  ['copy-on-write', 3],
  ['merge-on-read', 3],
] as const)('what was merged is the same to all readers: %s, version %s', (mode, version) => {
  it.each(scenarios)('$what', async ({ what, source, target, rows }) => {
    const { lake, java, witness } = readers
    const name = `merged.${mode}_${version}_${what}`.replaceAll(/[^\w.]+/g, '_')
    const branch = name.replace('.', '-')
    const modes = ['delete', 'update', 'merge'].map((command) => `'write.${command}.mode' = '${mode}'`)
    await lake.execute(
      `CREATE TABLE ${name} PARTITIONED BY (day) WITH ('format-version' = ${version}, ${modes.join(', ')}) AS
       SELECT range::INT AS id, CASE range % 3 WHEN 0 THEN DATE '${first}' WHEN 1 THEN DATE '${second}' END AS day,
              'v' || range AS v FROM range(12)`,
    )
    await catalog.createRef(branch)
    await take(name, branch, source)
    await take(name, 'main', target)
    const before = (await lake.load(name)).metadata['current-snapshot-id'] ?? 0n
    const mine: Lineage = version === 3 ? await readers.lineage(name) : {}
    const unmerged = await witness.read(await lake.metadata(name))
    const { tables } = await catalog.merge(branch, 'main', { strategy: 'rebase' })
    expect(tables.map(({ outcome }) => outcome)).toEqual(['rebased'])

    await readers.expectRows(name, byId(rows))
    await readers.expectAgreement(name)
    await readers.expectPlan(name, { op: 'eq', column: 'day', value: second })
    await readers.expectRows(name, unmerged, { snapshotId: before })
    if (version === 3) {
      const lineage = await readers.lineage(name)
      const ids = Object.values(lineage).map(([id]) => id)
      expect(ids).not.toContain(null)
      expect(new Set(ids).size).toBe(ids.length)
      // Rows that the target had before keep their ids, whoever changed them last.
      for (const [id, [own]] of Object.entries(lineage)) if (mine[id]) expect([id, own]).toEqual([id, mine[id][0]])
    }

    // Iceberg Java goes on from it.
    const added = { ...made(50), ...(rows.some(({ n }) => n !== undefined) && { n: 1 }) }
    const steps = [{ do: 'append', rows: canonical([added]) }, { do: 'compact' }, { do: 'rewriteManifests' }] as const
    const { metadata } = await java.write({ metadata: await lake.metadata(name), steps })
    const after = byId([...rows, added])
    expect({
      java: await java.read(metadata),
      pyiceberg: await witness.read(metadata),
      duckdb: await witness.duckdbRows(metadata),
    }).toEqual({ java: after, pyiceberg: after, duckdb: after })
  })
})
