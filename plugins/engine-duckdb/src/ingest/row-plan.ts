import { type ColumnSchema, type PartitionInterval, PhloError, type RowSchema } from '@phlo/ports'
import { columnPredicates, rowPredicates } from '@phlo/schema'
import { duckdbDialect, identifier, literal } from '../duckdb-dialect.js'
import { duckdbType } from '../duckdb-types.js'
import { requiredFields } from '../tables/required-fields.js'
import { losslessCast, type SourceType, typeInWords } from './lossless-cast.js'
import type { Scan } from './scan.js'

/**
 * More rows than any table has. A LIMIT keeps the filter above it from being pushed below the casts, where DuckDB would
 * compute every cast twice, and it counts what comes by; it takes no time of its own. See docs/adr/0006.
 */
const everyRow = 9_000_000_000_000_000_000n

/** One way in which a row can fail. */
interface Condition {
  readonly rule: string
  /** SQL text expression that says what is wrong with this row. */
  readonly reason: string
  /** True for rows that are fine; over the columns of {@link RowPlan.cast}. */
  readonly holds: string
}

interface PlannedColumn {
  readonly column: ColumnSchema
  readonly name: string
  readonly raw: string
  readonly cast: string
  readonly identity: boolean
}

interface CastOptions {
  /** Further columns, as SQL. */
  readonly extra?: readonly string[]
  /** Whether a LIMIT stands between the casts and what is above them. */
  readonly barrier?: boolean
  /** Whether the select has the scan's guard column. */
  readonly guarded?: boolean
}

/** Rows that only say which others are gone: where `column` has one of the values, no more than `needed` must hold. */
export interface Deletions {
  readonly column: string
  readonly values: readonly string[]
  readonly needed: ReadonlySet<string>
}

/** How a source's raw rows become rows of the table, and which of them do not. */
export class RowPlan {
  private readonly scan: Scan
  /** SQL that is true for rows that are {@link Deletions}, over the cast columns. */
  private readonly isDeletion: string | undefined
  private readonly deletions: Deletions | undefined
  private readonly columns: readonly PlannedColumn[]
  private readonly interval: PartitionInterval | undefined
  private readonly rowConditions: readonly Condition[]
  private readonly conditions: readonly Condition[]

  /** Throws PHLO_SCHEMA_TYPE_MISMATCH when a column of the source can never become the declared one. */
  constructor(schema: RowSchema, scan: Scan, interval: PartitionInterval | undefined, deletions?: Deletions) {
    this.scan = scan
    this.interval = interval
    this.deletions = deletions
    this.isDeletion = deletions && `(${isOneOf(deletions)} IS TRUE)`
    this.columns = schema.columns.map((column) => planColumn(column, scan.types.get(column.name), scan.name))
    this.rowConditions = rowPredicates(schema.rules ?? [], identifier).map(({ rule, description, passes }) => ({
      rule,
      reason: literal(description),
      holds: this.excused(passes),
    }))
    const ofColumns = this.columns.flatMap((planned, index) =>
      conditionsOf(planned, index).map((condition) => ({
        ...condition,
        holds: this.excused(condition.holds, planned.column.name),
      })),
    )
    this.conditions = [...ofColumns, ...this.rowConditions]
  }

  /** No value needs a cast, and the rows need no counting: then filters may go down into the file's reader. */
  get direct(): boolean {
    return this.scan.rows !== undefined && this.columns.every(({ identity }) => identity)
  }

  /** {@link validSelect} counts the rows that it reads, in its one streaming LIMIT. */
  get countsRows(): boolean {
    return !this.direct
  }

  /** A SELECT of the valid rows of the interval, columns in the schema's order, then the scan's `carried` ones. */
  validSelect(carried: readonly string[] = []): string {
    const names = [...this.columns.map(({ name }) => name), ...carried].join(', ')
    return `SELECT ${names} FROM (${this.cast(this.scan.select, { extra: carried })}) WHERE ${this.valid()}`
  }

  /** The same with `_phlo_order`, the row's place in the source; read by one thread. */
  orderedSelect(carried: readonly string[] = []): string {
    const names = [...this.columns.map(({ name }) => name), ...carried].join(', ')
    const ordered = `SELECT *, row_number() OVER () AS _phlo_order FROM (${this.scan.select})`
    return `SELECT ${names}, _phlo_order FROM (${this.cast(ordered, { extra: ['_phlo_order', ...carried], barrier: false })}) WHERE ${this.valid()}`
  }

  /** Counts the rows of the source that are outside the interval; `undefined` when there is no interval. */
  outsideSelect(): string | undefined {
    const inside = this.inInterval()
    if (inside === undefined) return undefined
    return `SELECT count(*) FILTER (WHERE NOT (${inside})) AS outside FROM (${this.cast(this.scan.select)})`
  }

  /**
   * A SELECT of the rejected rows of one of the scan's files: `source_row`, `rules`, `reason`, `row`, and `partition_value`,
   * the interval column's value.
   */
  rejectedSelect(positioned: string): string {
    const failing = this.conditions.map(
      ({ rule, reason, holds }) =>
        `CASE WHEN (${holds}) IS NOT TRUE THEN {'rule': ${literal(rule)}, 'reason': ${reason}} END`,
    )
    const raws = this.columns.map(({ raw }, index) => `${raw} AS _phlo_raw_${index}`)
    const inner = this.cast(positioned, { extra: ['_phlo_row', '_phlo_text', ...raws], barrier: false, guarded: false })
    const partition = this.interval ? identifier(this.interval.column) : 'NULL'
    return (
      `SELECT source_row, list_transform(failed, lambda f: f.rule) AS rules, ` +
      `array_to_string(list_transform(failed, lambda f: f.reason), '; ') AS reason, "row", partition_value FROM (` +
      `SELECT _phlo_row AS source_row, _phlo_text AS "row", ${partition} AS partition_value, ` +
      `list_filter([${failing.join(', ')}], lambda f: f IS NOT NULL) AS failed ` +
      `FROM (${inner}) WHERE (${this.valid(false)}) IS NOT TRUE AND ${this.inInterval() ?? 'TRUE'})`
    )
  }

  /** Casts every column, and keeps what the conditions need. */
  private cast(select: string, { extra = [], barrier = !this.direct, guarded = true }: CastOptions = {}): string {
    const list = this.columns.flatMap(({ column, name, raw, cast, identity }, index) => [
      `${cast} AS ${name}`,
      // A value that became NULL was not NULL before; only nullable columns need to know.
      ...(identity || column.required ? [] : [`(${raw} IS NULL) AS _phlo_null_${index}`]),
    ])
    const guard = guarded && this.scan.guard !== undefined ? [`${this.scan.guard} AS _phlo_guard`] : []
    const limit = barrier ? ` LIMIT ${everyRow}` : ''
    return `SELECT ${[...list, ...guard, ...extra].join(', ')} FROM (${select})${limit}`
  }

  private valid(guarded = this.scan.guard !== undefined): string {
    const parts = [
      ...(guarded ? ['_phlo_guard'] : []),
      ...this.columns.flatMap((planned, index) =>
        [...validity(planned, index), ...rules(planned).map(({ holds }) => holds)].map((holds) =>
          this.excused(holds, planned.column.name),
        ),
      ),
      ...this.rowConditions.map(({ holds }) => holds),
    ]
    const inside = this.inInterval()
    if (inside !== undefined) parts.push(inside)
    return parts.length === 0 ? 'TRUE' : parts.join(' AND ')
  }

  /** The condition, from which deletions are excused unless they need the column. */
  private excused(holds: string, column?: string): string {
    const needed = column !== undefined && this.deletions?.needed.has(column)
    return this.isDeletion === undefined || needed ? holds : `(${this.isDeletion} OR ${holds})`
  }

  /** A row whose partition cannot be told belongs to every interval: it is rejected, not left out. */
  private inInterval(): string | undefined {
    if (!this.interval) return undefined
    const { column, from, to } = this.interval
    const planned = this.columns.find((candidate) => candidate.column.name === column)
    if (!planned || typeof planned.column.type !== 'string') {
      throw new PhloError('PHLO_PARTITION_INVALID', `The partition column ${column} is not in the schema`)
    }
    const limit = (value: string) => duckdbDialect.typedLiteral(value, planned.column.type as string)
    return `((${planned.name} >= ${limit(from)} AND ${planned.name} < ${limit(to)}) IS NOT FALSE)`
  }
}

/** SQL that is true for rows that say that another one is gone. */
export function isOneOf({ column, values }: Pick<Deletions, 'column' | 'values'>): string {
  return `${identifier(column)} IN (${values.map(literal).join(', ')})`
}

function planColumn(column: ColumnSchema, type: SourceType | undefined, source: string): PlannedColumn {
  const name = identifier(column.name)
  if (type === undefined) {
    // An optional column that the source lacks.
    const absent = `CAST(NULL AS ${duckdbType(column.type)})`
    return { column, name, raw: absent, cast: absent, identity: true }
  }
  const cast = losslessCast(name, type, column.type)
  if (!cast) {
    const found = type === 'text' ? 'text' : type.duckdb
    throw new PhloError(
      'PHLO_SCHEMA_TYPE_MISMATCH',
      `Column ${column.name} of ${source} is ${found}, which cannot become ${typeInWords(column.type)}`,
      {
        hint: 'Declare the column with the source’s type, and convert it in a SQL model.',
        context: { column: column.name, found, declared: typeInWords(column.type) },
      },
    )
  }
  return { column, name, raw: name, cast: cast.sql, identity: cast.identity }
}

/** What makes a column's value usable at all, as a filter over the cast columns. */
function validity({ column, name, identity }: PlannedColumn, index: number): string[] {
  const nested = requiredFields(name, column.type, column.name).map(({ holds }) => holds)
  if (column.required) return [`${name} IS NOT NULL`, ...nested]
  return identity ? nested : [`(${name} IS NOT NULL OR _phlo_null_${index})`, ...nested]
}

function rules({ column, name }: PlannedColumn) {
  return columnPredicates(column, name, duckdbDialect).map((predicate) => ({
    ...predicate,
    // A required column's NULL is caught above, and the plain comparison is the faster filter.
    holds: column.required ? predicate.passes : `((${predicate.passes}) IS NOT FALSE)`,
  }))
}

/** The same conditions one by one, each with its reason; a NULL in a required column breaks only that rule. */
function conditionsOf(planned: PlannedColumn, index: number): Condition[] {
  const { column, name, identity } = planned
  const raw = `_phlo_raw_${index}`
  const shown = `left(CAST(${raw} AS VARCHAR), 60)`
  const conditions: Condition[] = []
  if (column.required) {
    conditions.push({
      rule: `${column.name} required`,
      reason: literal(`${column.name} must not be null`),
      holds: `${raw} IS NOT NULL`,
    })
  }
  if (!identity) {
    conditions.push({
      rule: `${column.name} type`,
      reason: `concat(${literal(`${column.name} must be a ${typeInWords(column.type)}, not "`)}, ${shown}, '"')`,
      holds: `(${name} IS NOT NULL OR ${raw} IS NULL)`,
    })
  }
  for (const { path, holds } of requiredFields(name, column.type, column.name)) {
    conditions.push({
      rule: `${path} required`,
      reason: literal(`${path} must not be null or of another type`),
      holds,
    })
  }
  for (const { rule, description, passes } of rules(planned)) {
    conditions.push({
      rule,
      reason: `concat(${literal(`${description}, not `)}, ${shown})`,
      holds: `((${passes}) IS NOT FALSE)`,
    })
  }
  return conditions
}
