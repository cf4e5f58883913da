import {
  type Catalog,
  formatIdentifier,
  type NestedField,
  PhloError,
  type QueryEngine,
  type SqlDialect,
  type TableIdentifier,
} from '@phlo/ports'
import { type PlainRow, type PlainValue, readRows } from '../result-rows.js'
import { suggestChecks } from './suggest-checks.js'
import type { ColumnProfile, HistogramBin, TableProfile } from './table-profile.js'

const bins = 20
/** A column with no more different values than that has them listed. */
const mostListed = 50

interface ProfileRequest {
  readonly table: TableIdentifier
  readonly ref: string
  readonly signal?: AbortSignal
}

/** A column with what the first scan told of it. */
interface Scanned {
  readonly index: number
  readonly field: NestedField
  readonly type: string
  readonly sql: string
  /** The column as a double, where it is a number or a time. */
  readonly numeric: string | undefined
  readonly row: PlainRow
  readonly rows: number
}

/**
 * What a table's columns hold, and checks that would pass. It reads the table at most three times, however many columns
 * there are: once for counts, extremes and quantiles, once for histograms and frequent values, once to count the values of
 * columns that seem to be unique. Throws PHLO_TABLE_NOT_FOUND.
 */
export async function profileTable(
  { catalog, queries }: { readonly catalog: Catalog; readonly queries: QueryEngine },
  { table, ref, signal }: ProfileRequest,
): Promise<TableProfile> {
  const { dialect } = queries
  const loaded = await catalog.loadTable(table, { ref })
  const schema = loaded?.metadata.schemas.find((item) => item['schema-id'] === loaded.metadata['current-schema-id'])
  if (!schema) throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${formatIdentifier(table)} at ${ref}`)
  const relation = dialect.table(table)
  const ask = async (sql: string) => readRows(await queries.query(sql, { ref, ...(signal && { signal }) }))
  const [row = {}] = await ask(`SELECT ${overview(schema.fields, dialect).join(', ')} FROM ${relation} AS profiled`)
  const rows = Number(row['total'])
  const scanned = schema.fields.map((field, index): Scanned => {
    const { type, sql, numeric } = expressions(field, dialect)
    return { index, field, type, sql, numeric, row, rows }
  })
  const groups = await buckets(scanned, relation, ask)
  const exact = await exactCounts(scanned, relation, ask)
  const columns = scanned.map((column) =>
    columnProfile(column, groups.get(column.index) ?? [], exact.get(column.index)),
  )
  const name = formatIdentifier(table)
  return { table: name, ref, rows, columns, suggestions: suggestChecks(columns, rows, new Date()) }
}

function expressions({ name, type }: NestedField, dialect: SqlDialect) {
  const sql = dialect.identifier(name)
  const text = typeof type === 'string' ? type : type.type
  const isNumber = /^(int|long|float|double|decimal.*)$/.test(text)
  const isTime = /^(date|timestamp(tz)?)$/.test(text)
  const numeric = isNumber ? `CAST(${sql} AS DOUBLE)` : isTime ? dialect.epochSeconds(sql) : undefined
  return { type: text, sql, numeric }
}

/** The aggregates of the first scan. */
function overview(fields: readonly NestedField[], dialect: SqlDialect): string[] {
  const columns = fields.flatMap((field, index) => {
    const { type, sql, numeric } = expressions(field, dialect)
    const own: Record<string, string> = { known: `count(${sql})` }
    if (typeof field.type === 'string') {
      own['distinct'] = dialect.approximateDistinct(sql)
      if (type === 'string' || type === 'time' || numeric !== undefined) {
        own['min'] = `min(${sql})`
        own['max'] = `max(${sql})`
      }
      if (type === 'string') {
        own['shortest'] = `min(${dialect.textLength(sql)})`
        own['longest'] = `max(${dialect.textLength(sql)})`
      }
      if (numeric !== undefined) {
        own['least'] = `min(${numeric})`
        own['most'] = `max(${numeric})`
        own['mean'] = `avg(${numeric})`
        own['deviation'] = `stddev_pop(${numeric})`
        for (const [alias, share] of Object.entries(shares)) own[alias] = dialect.approximateQuantile(numeric, share)
      }
    }
    return Object.entries(own).map(
      ([alias, aggregate]) => `${aggregate} AS ${dialect.identifier(`c${index}_${alias}`)}`,
    )
  })
  return [`count(*) AS ${dialect.identifier('total')}`, ...columns]
}

const shares = { p05: 0.05, p25: 0.25, median: 0.5, p75: 0.75, p95: 0.95 }

function found({ index, row }: Scanned, alias: string): PlainValue {
  return row[`c${index}_${alias}`] ?? null
}

/** `undefined` for what is none, infinity among it. */
function number(column: Scanned, alias: string): number | undefined {
  const value = found(column, alias)
  return value === null || !Number.isFinite(Number(value)) ? undefined : Number(value)
}

function isListed(column: Scanned): boolean {
  const distinct = number(column, 'distinct')
  return /^(string|boolean)$/.test(column.type) && distinct !== undefined && distinct <= mostListed / 2
}

function extent(column: Scanned): { readonly least: number; readonly width: number } | undefined {
  const [least, most] = [number(column, 'least'), number(column, 'most')]
  if (least === undefined || most === undefined || !Number.isFinite(most - least)) return undefined
  return { least, width: (most - least) / bins }
}

interface Bucket {
  readonly label: string
  readonly rows: number
}

/** Rows of each histogram's bin and of each value that is listed, by the column's index, from one scan. */
async function buckets(
  columns: readonly Scanned[],
  relation: string,
  ask: (sql: string) => Promise<PlainRow[]>,
): Promise<Map<number, Bucket[]>> {
  const labels = columns.flatMap((column) => {
    const { index, sql, numeric } = column
    const known = extent(column)
    if (numeric !== undefined && known) {
      const { least, width } = known
      const bin = width === 0 ? '0' : `least(${bins - 1}, floor((${numeric} - ${double(least)}) / ${double(width)}))`
      return [
        `CASE WHEN ${sql} IS NOT NULL THEN '${index}:' || CAST(CAST(${bin} AS INTEGER) AS VARCHAR) END AS b${index}`,
      ]
    }
    return isListed(column) ? [`'${index}:' || CAST(${sql} AS VARCHAR) AS b${index}`] : []
  })
  const groups = new Map<number, Bucket[]>()
  if (labels.length === 0) return groups
  const names = labels.map((label) => /b\d+$/.exec(label)?.[0] as string)
  // A coalesce of one argument is none in some engines.
  const label = names.length === 1 ? names.join('') : `coalesce(${names.join(', ')})`
  const rows = await ask(
    `SELECT ${label} AS label, count(*) AS row_count FROM (SELECT ${labels.join(', ')} FROM ${relation} AS profiled) AS labelled ` +
      `GROUP BY GROUPING SETS (${names.map((name) => `(${name})`).join(', ')})`,
  )
  for (const row of rows) {
    const [, index, own] = /^(\d+):(.*)$/s.exec(labelText(row['label'])) ?? []
    if (index === undefined) continue
    const bucket = { label: own as string, rows: Number(row['row_count']) }
    groups.set(Number(index), [...(groups.get(Number(index)) ?? []), bucket])
  }
  return groups
}

function labelText(value: PlainValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

function double(value: number): string {
  return `CAST('${value}' AS DOUBLE)`
}

/** Exact counts of different values where an estimate says that there may be as many as rows. */
async function exactCounts(
  columns: readonly Scanned[],
  relation: string,
  ask: (sql: string) => Promise<PlainRow[]>,
): Promise<Map<number, number>> {
  const candidates = columns.filter((column) => {
    const [known, distinct] = [number(column, 'known') ?? 0, number(column, 'distinct') ?? 0]
    return /^(int|long|string|uuid|date|timestamp(tz)?)$/.test(column.type) && known > 0 && distinct >= known * 0.7
  })
  if (candidates.length === 0) return new Map()
  const counts = candidates.map(({ index, sql }) => `count(DISTINCT ${sql}) AS d${index}`)
  const [row = {}] = await ask(`SELECT ${counts.join(', ')} FROM ${relation} AS profiled`)
  return new Map(candidates.map(({ index }) => [index, Number(row[`d${index}`])]))
}

function columnProfile(column: Scanned, groups: readonly Bucket[], exact: number | undefined): ColumnProfile {
  const { field, type, rows, numeric } = column
  const known = extent(column)
  const estimate = number(column, 'distinct')
  const isText = isListed(column)
  const distinct = exact ?? (isText ? groups.length : estimate)
  const [mean, deviation] = [number(column, 'mean'), number(column, 'deviation')]
  const [shortest, longest] = [number(column, 'shortest'), number(column, 'longest')]
  return {
    name: field.name,
    type,
    nulls: rows - (number(column, 'known') ?? 0),
    ...(distinct !== undefined && { distinct: { count: distinct, isExact: exact !== undefined || isText } }),
    ...(found(column, 'min') !== null && { min: found(column, 'min'), max: found(column, 'max') }),
    ...(mean !== undefined && { mean }),
    ...(deviation !== undefined && { deviation }),
    ...(mean !== undefined && { quantiles: quantilesOf(column) }),
    ...(shortest !== undefined && longest !== undefined && { lengths: { min: shortest, max: longest } }),
    ...(numeric !== undefined && known && groups.length > 0 && { histogram: histogram(known, groups) }),
    ...(isText && {
      values: groups
        .map(({ label, rows: count }) => ({ value: label, rows: count }))
        .sort((a, b) => b.rows - a.rows || (a.value < b.value ? -1 : 1)),
    }),
  }
}

function quantilesOf(column: Scanned): NonNullable<ColumnProfile['quantiles']> {
  const of = (alias: string) => number(column, alias) ?? NaN
  return { p05: of('p05'), p25: of('p25'), median: of('median'), p75: of('p75'), p95: of('p95') }
}

function histogram({ least, width }: { least: number; width: number }, groups: readonly Bucket[]): HistogramBin[] {
  const rowsOf = new Map(groups.map(({ label, rows }) => [Number(label), rows]))
  if (width === 0) return [{ from: least, to: least, rows: rowsOf.get(0) ?? 0 }]
  return Array.from({ length: bins }, (_, bin) => ({
    from: least + bin * width,
    to: least + (bin + 1) * width,
    rows: rowsOf.get(bin) ?? 0,
  }))
}
