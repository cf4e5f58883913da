import { DuckDBInstance } from '@duckdb/node-api'
import type { RuleValue, SqlDialect } from '@phlo/ports'

/** The little of a dialect that predicates need, for the engine that the specs ask. */
export const dialect: SqlDialect = {
  name: 'duckdb',
  identifier: (name) => `"${name.replaceAll('"', '""')}"`,
  table: ({ namespace, name }) => [...namespace, name].map((part) => dialect.identifier(part)).join('.'),
  literal: (value) => (typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value)),
  typedLiteral: (value, type) =>
    (type === 'int' || type === 'long') && typeof value !== 'string'
      ? dialect.literal(value)
      : `CAST(${dialect.literal(String(value))} AS ${types[type] ?? type})`,
  matches: (expression, regex, options = {}) =>
    `regexp_matches(${expression}, ${dialect.literal(regex)}${options.caseInsensitive ? ", 'i'" : ''})`,
  textLength: (expression) => `length(${expression})`,
  collectionLength: (expression) => `len(${expression})`,
  tuple: (expressions) => `row(${expressions.join(', ')})`,
  digest: (expression) => `md5(${expression})`,
  epochSeconds: (expression) => `epoch(${expression})`,
  approximateDistinct: (expression) => `approx_count_distinct(${expression})`,
  approximateQuantile: (expression, share) => `approx_quantile(${expression}, ${share})`,
}

const types: Readonly<Record<string, string>> = { long: 'BIGINT', string: 'VARCHAR', timestamptz: 'TIMESTAMPTZ' }

/** SQL of a value as a column of that Iceberg type holds it. */
export function sqlValue(value: RuleValue | Date | null, type: string): string {
  if (value === null) return `CAST(NULL AS ${types[type] ?? type})`
  return dialect.typedLiteral(value instanceof Date ? value.toISOString() : value, type)
}

/** The first column of a statement's result. */
export async function evaluate(sql: string): Promise<unknown[]> {
  const connection = await (await database()).connect()
  try {
    const reader = await connection.runAndReadAll(sql)
    return reader.getRowsJS().map(([value]) => value)
  } finally {
    connection.closeSync()
  }
}

let opened: Promise<DuckDBInstance> | undefined
async function database(): Promise<DuckDBInstance> {
  opened ??= DuckDBInstance.create(':memory:', { threads: '1' })
  return opened
}
