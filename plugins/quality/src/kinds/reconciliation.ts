import { type CheckContext, parseIdentifier, PhloError, type SqlDialect } from '@phlo/ports'
import { z } from 'zod'

/** What a table is reconciled with: another table, `namespace.name`, or the rows of a SELECT. */
export const SourceRows = z.union([z.string().min(1), z.strictObject({ sql: z.string().min(1) })])
export type SourceRows = z.infer<typeof SourceRows>

/** The source's rows as they stand behind FROM. Throws PHLO_CHECK_INVALID. */
export function sourceRelation(source: SourceRows, dialect: SqlDialect): string {
  // On lines of its own, so that a comment at its end takes nothing with it.
  if (typeof source !== 'string') return `(\n${source.sql.trimEnd().replace(/;$/, '')}\n)`
  const table = parseIdentifier(source)
  if (table) return dialect.table(table)
  throw new PhloError('PHLO_CHECK_INVALID', `${JSON.stringify(source)} is no table’s name`, {
    hint: 'Write namespace.name, or { sql: "SELECT …" }.',
  })
}

export function describeSource(source: SourceRows): string {
  return typeof source === 'string' ? source : 'its source'
}

/** How far two numbers may be apart: by a share of the source's, or by so much. */
export const toleranceOptions = {
  tolerance: z.number().min(0).optional(),
  absoluteTolerance: z.number().min(0).optional(),
}

export interface Tolerance {
  readonly tolerance?: number | undefined
  readonly absoluteTolerance?: number | undefined
}

/** One side of a comparison: its rows, and the keys by which they are told apart. */
interface Side {
  readonly relation: string
  readonly keys: readonly string[]
  /** Further columns, as SQL. */
  readonly values: readonly string[]
}

/**
 * The keys of both sides, each once, with what the sides have for it: `keep` is a condition on groups, `select` what is shown
 * of them. Within both, a side's own values are `t0`, `t1`, … and `s0`, `s1`, …, and `in_target` and `in_source` are 1 for rows of
 * that side and 0 for others. NULL is a key like any other. It takes UNION ALL and GROUP BY alone, which every engine
 * has, and reads each side once.
 */
export function bothSides(
  target: Side,
  source: Side,
  shown: { readonly select: readonly string[]; readonly keep?: string; readonly aggregated: boolean },
  names: readonly string[],
  dialect: SqlDialect,
): string {
  const keys = names.map((_name, index) => `k${index}`)
  const rows = (side: Side, which: 't' | 's') => {
    const own = side.values.map((value, index) => `${value} AS ${which}${index}`)
    const other = side.values.map((_value, index) => `NULL AS ${which === 't' ? 's' : 't'}${index}`)
    const columns = [
      ...side.keys.map((key, index) => `${key} AS k${index}`),
      ...(which === 't' ? [...own, ...other] : [...other, ...own]),
      `${which === 't' ? 1 : 0} AS in_target`,
      `${which === 's' ? 1 : 0} AS in_source`,
    ]
    const grouped = shown.aggregated && side.keys.length > 0 ? ` GROUP BY ${side.keys.join(', ')}` : ''
    return `SELECT ${columns.join(', ')} FROM ${side.relation} AS side${grouped}`
  }
  const columns = [...names.map((name, index) => `k${index} AS ${dialect.identifier(name)}`), ...shown.select]
  return (
    `SELECT ${columns.join(', ')} FROM (${rows(target, 't')} UNION ALL ${rows(source, 's')}) AS sides` +
    `${keys.length > 0 ? ` GROUP BY ${keys.join(', ')}` : ''}${shown.keep === undefined ? '' : ` HAVING ${shown.keep}`}`
  )
}

/** How many keys both sides have together. */
export function countKeys(target: Side, source: Side, names: readonly string[], dialect: SqlDialect): string {
  const bare = (side: Side): Side => ({ ...side, values: [] })
  const keys = bothSides(
    bare(target),
    bare(source),
    { select: ['count(*) AS rows_of_both'], aggregated: false },
    names,
    dialect,
  )
  return `SELECT count(*) FROM (${keys}) AS all_keys`
}

/** `missing` for what the target lacks, `extra` for what only it has, else what is given. */
export function sideOf(otherwise: string): string {
  return `CASE WHEN max(in_target) = 0 THEN 'missing' WHEN max(in_source) = 0 THEN 'extra' ELSE '${otherwise}' END AS problem`
}

export const onOneSide = 'max(in_target) = 0 OR max(in_source) = 0'

/** The column's type is one whose sums differ in their last digits from one reading to the next. */
export function isInexact(context: CheckContext, column: string | undefined): boolean {
  const type = context.columns.find(({ name }) => name === column)?.type
  return type === 'float' || type === 'double'
}
