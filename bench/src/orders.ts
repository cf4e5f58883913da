import { existsSync } from 'node:fs'
import { mkdir, open, rename } from 'node:fs/promises'
import path from 'node:path'
import { DuckDBInstance, version } from '@duckdb/node-api'
import type { RowSchema } from '@phlo/ports'
import { BenchError } from './bench-error.js'
import type { Workplace } from './workplace.js'

/** Goes into the files' names: change it with anything below that changes the rows. */
const generation = 1

const statuses = ['pending', 'paid', 'packed', 'shipped', 'delivered', 'returned', 'refunded', 'cancelled']

/** Columns with DuckDB's types. */
const columns = {
  id: 'BIGINT',
  quantity: 'INTEGER',
  score: 'DOUBLE',
  amount: 'DECIMAL(12, 2)',
  active: 'BOOLEAN',
  day: 'DATE',
  happened_at: 'TIMESTAMP',
  status: 'VARCHAR',
  reference: 'VARCHAR',
  discount: 'DOUBLE',
}

/** The same columns with Iceberg's types. */
export const orderTypes = {
  id: 'long',
  quantity: 'int',
  score: 'double',
  amount: 'decimal(12, 2)',
  active: 'boolean',
  day: 'date',
  happened_at: 'timestamp',
  status: 'string',
  reference: 'string',
  discount: 'double',
}

export const orderRows: RowSchema = {
  columns: Object.entries(orderTypes).map(([name, type]) => ({
    name,
    type,
    required: name !== 'discount',
    optional: false,
    rules: [],
    unique: false,
  })),
}

/** Column types as `read_json` takes them. */
export const jsonColumns = `{${Object.entries(columns)
  .map(([name, type]) => `${name}: '${type}'`)
  .join(', ')}}`

/** The same rows for the same number of rows, always: every value is a hash of the row's number. */
function ordersSql(rows: number): string {
  const random = (salt: number) => `hash(i, ${salt})`
  return `SELECT
    i AS id,
    (1 + ${random(1)} % 1000)::INTEGER AS quantity,
    (${random(2)} % 1000000000) / 1e9 AS score,
    ((${random(3)} % 10000000)::DECIMAL(12, 2) / 100)::DECIMAL(12, 2) AS amount,
    ${random(4)} % 3 > 0 AS active,
    DATE '2021-01-01' + (${random(5)} % 1461)::INTEGER AS day,
    TIMESTAMP '2024-01-01' + to_milliseconds((${random(6)} % 31536000000)::BIGINT) AS happened_at,
    [${statuses.map((status) => `'${status}'`).join(', ')}][(1 + ${random(7)} % ${statuses.length})::INTEGER] AS status,
    'ORD-' || lower(lpad(hex(${random(8)} % 281474976710656), 12, '0')) AS reference,
    CASE WHEN ${random(9)} % 10 > 0 THEN (${random(10)} % 1000000) / 1e4 END AS discount
  FROM range(1, ${rows + 1}) AS t(i)`
}

export type InputFormat = 'parquet' | 'ndjson'

export interface OrdersFile {
  readonly path: string
  readonly format: InputFormat
  readonly rows: number
  readonly fingerprint: Fingerprint
}

/** Counts and sums that a table of these rows has and hardly any other one. */
export type Fingerprint = Readonly<Record<string, string>>

/** SQL for the {@link Fingerprint} of a relation with the columns, whatever types they have there. */
export function fingerprintSql(relation: string): string {
  return `SELECT
    CAST(count(*) AS VARCHAR) AS row_count,
    CAST(sum(id) AS VARCHAR) AS ids,
    CAST(sum(quantity) AS VARCHAR) AS quantities,
    CAST(CAST(sum(CAST(amount AS DECIMAL(12, 2))) AS DECIMAL(38, 2)) AS VARCHAR) AS amounts,
    CAST(count(*) FILTER (WHERE active) AS VARCHAR) AS actives,
    CAST(max(day) AS VARCHAR) AS last_day,
    CAST(sum(epoch_us(happened_at)) AS VARCHAR) AS times,
    CAST(count(DISTINCT status) AS VARCHAR) AS statuses,
    CAST(sum(length(reference)) AS VARCHAR) AS reference_length,
    max(reference) AS last_reference,
    CAST(count(discount) AS VARCHAR) AS discounts,
    CAST(round(sum(score), 3) AS VARCHAR) AS scores
  FROM ${relation}`
}

/** Throws when the found rows are not those of the input. */
export function expectFingerprint(who: string, found: Fingerprint, expected: Fingerprint): void {
  const wrong = Object.keys(expected).filter((key) => found[key] !== expected[key])
  if (wrong.length === 0) return
  const differences = wrong.map((key) => `${key} is ${found[key] ?? 'missing'} instead of ${expected[key] as string}`)
  throw new BenchError(`${who} gave the wrong table: ${differences.join(', ')}`)
}

export async function fingerprintOf(relation: string): Promise<Fingerprint> {
  const [row] = await query(fingerprintSql(relation))
  return row as Fingerprint
}

/** Runs SQL on a DuckDB of its own, and gives the rows with their values as text. */
async function query(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    return (await connection.runAndReadAll(sql)).getRowObjectsJson()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** A text of SQL. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A list of SQL's texts. */
export function sqlList(texts: readonly string[]): string {
  return `[${texts.map(sqlText).join(', ')}]`
}

/** A file of that many orders, made when it is not there from an earlier run; its bytes are in the system's cache. */
export async function ordersFile(
  { cache }: Workplace,
  format: InputFormat,
  rows: number,
  report: (line: string) => void,
): Promise<OrdersFile> {
  const folder = path.join(cache, 'bench-data')
  await mkdir(folder, { recursive: true })
  const file = (ending: string) =>
    path.join(folder, `orders-${generation}-${version().replace(/^v/, '')}-${rows}.${ending}`)
  const parquet = file('parquet')
  await make(parquet, (target) => `COPY (${ordersSql(rows)}) TO ${sqlText(target)} (FORMAT parquet)`, report)
  const wanted = file(format)
  if (format === 'ndjson') {
    // Times as programs write them.
    const select = `SELECT * REPLACE (strftime(happened_at, '%Y-%m-%dT%H:%M:%S.%g') AS happened_at) FROM ${sqlText(parquet)}`
    await make(wanted, (target) => `COPY (${select}) TO ${sqlText(target)} (FORMAT json)`, report)
  }
  await readThrough(wanted)
  return { path: wanted, format, rows, fingerprint: await fingerprintOf(sqlText(parquet)) }
}

export interface OrdersChanges {
  readonly path: string
  readonly rows: number
  /** Of all orders once the changes are in. */
  readonly fingerprint: Fingerprint
}

/** A file of changes to that many orders: half of them are orders from all over with other values, half are new. */
export async function ordersChanges(
  { cache }: Workplace,
  base: OrdersFile,
  changes: number,
  report: (line: string) => void,
): Promise<OrdersChanges> {
  const half = changes / 2
  const file = path.join(
    cache,
    'bench-data',
    `changes-${generation}-${version().replace(/^v/, '')}-${base.rows}-${changes}.parquet`,
  )
  const changed = `SELECT * REPLACE (1 + (quantity + 7) % 1000 AS quantity, NOT active AS active)
    FROM (${ordersSql(base.rows)}) WHERE id % ${Math.floor(base.rows / half)} = 0`
  const added = `SELECT * FROM (${ordersSql(base.rows + half)}) WHERE id > ${base.rows}`
  await make(file, (target) => `COPY (${changed} UNION ALL ${added}) TO ${sqlText(target)} (FORMAT parquet)`, report)
  await readThrough(file)
  return { path: file, rows: changes, fingerprint: await fingerprintOf(`(${upsertSql([base.path], file)})`) }
}

/** A SELECT of the base files' rows with the changed ones in place of theirs. */
export function upsertSql(base: readonly string[], changes: string): string {
  const from = (files: readonly string[]) => `FROM read_parquet(${sqlList(files)})`
  return `SELECT * ${from(base)} ANTI JOIN (${from([changes])}) AS changes USING (id) UNION ALL ${from([changes])}`
}

async function make(file: string, copy: (target: string) => string, report: (line: string) => void): Promise<void> {
  if (existsSync(file)) return
  report(`making ${path.basename(file)}`)
  const unfinished = `${file}.${process.pid}`
  await query(copy(unfinished))
  await rename(unfinished, file)
}

/** The first one to read the file must not be the only one who waits for the disk. */
async function readThrough(file: string): Promise<void> {
  const handle = await open(file)
  try {
    for await (const _chunk of handle.createReadStream({ highWaterMark: 1 << 22, autoClose: false }));
  } finally {
    await handle.close()
  }
}

/** The workflow of a project that takes files in, by table: what a user would write for these rows. */
export function ordersWorkflow(tables: Readonly<Record<string, string>>): string {
  const ingestions = Object.entries(tables).map(
    ([name, file]) =>
      `export const ${name} = ingestion({ name: '${name}', schema: Order, strict: true }, files({ path: ${JSON.stringify(file)} }))`,
  )
  return `import { field, files, ingestion, z } from 'phlo'

export const Order = z.object({
  id: z.bigint().min(1n),
  quantity: z.int32().min(1).max(1000),
  score: z.number().min(0).max(1),
  amount: field(z.number().min(0).max(1_000_000), { type: 'decimal(12, 2)' }),
  active: z.boolean(),
  day: z.iso.date(),
  happened_at: z.iso.datetime({ local: true }),
  status: z.enum(${JSON.stringify(statuses)}),
  reference: z.string().regex(/^ORD-[0-9a-f]{12}$/),
  discount: z.number().min(0).max(100).nullable(),
})

${ingestions.join('\n')}
`
}
