import { parsePrimitive, toValue } from '@phlo/iceberg'
import { formatIdentifier, PhloError, type RuleValue, type SqlDialect, type TableIdentifier } from '@phlo/ports'
import { duckdbType } from './duckdb-types.js'

/** DuckDB's spelling of names and values. */
export const duckdbDialect: SqlDialect = {
  name: 'duckdb',
  identifier,
  table: tableName,
  literal,
  typedLiteral,
  matches: (expression, regex, options = {}) =>
    `regexp_matches(${expression}, ${literal(regex)}${options.caseInsensitive ? ", 'i'" : ''})`,
  textLength: (expression) => `length(${expression})`,
  collectionLength: (expression) => `len(${expression})`,
  tuple: (expressions) => `row(${expressions.join(', ')})`,
  digest: (expression) => `md5(${expression})`,
  epochSeconds: (expression) => `epoch(${expression})`,
  approximateDistinct: (expression) => `approx_count_distinct(${expression})`,
  approximateQuantile: (expression, share) => `approx_quantile(${expression}, ${share})`,
}

/** One identifier, quoted. The only place of this package where names become SQL. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** DuckDB has one level of schemas below a database. Throws PHLO_UNSUPPORTED for deeper namespaces. */
export function tableName(table: Pick<TableIdentifier, 'namespace' | 'name'>): string {
  const [schema, ...deeper] = table.namespace
  if (schema === undefined || deeper.length > 0) {
    throw new PhloError(
      'PHLO_UNSUPPORTED',
      `DuckDB names tables namespace.table; ${formatIdentifier(table)} has another depth`,
    )
  }
  return `${identifier(schema)}.${identifier(table.name)}`
}

/** A literal of the value's own type. The only place of this package where values become SQL text. */
export function literal(value: RuleValue | null): string {
  if (value === null) return 'NULL'
  switch (typeof value) {
    case 'string':
      return `'${value.replaceAll("'", "''")}'`
    case 'boolean':
      return value ? 'TRUE' : 'FALSE'
    case 'bigint':
      return value.toString()
    default:
      return Number.isInteger(value) && Math.abs(value) < 1e15 ? value.toString() : `CAST('${value}' AS DOUBLE)`
  }
}

function typedLiteral(value: RuleValue, type: string): string {
  const primitive = parsePrimitive(type)
  // Whole-number columns may have fractional limits: `min(0.5)` on an int is a fair rule.
  const numeric =
    ['int', 'long', 'decimal'].includes(primitive.kind) && typeof value !== 'string' && typeof value !== 'boolean'
  if (numeric) return literal(value)
  if (toValue(primitive, value) === undefined) {
    throw new PhloError('PHLO_SCHEMA_UNSUPPORTED', `${JSON.stringify(String(value))} is no ${type}`)
  }
  if (primitive.kind === 'string' || primitive.kind === 'boolean') return literal(value)
  return `CAST(${literal(String(value))} AS ${duckdbType(type)})`
}
