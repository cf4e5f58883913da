import type { RuleValue } from './row-schema.js'

/** How an engine writes names and values. The only place where identifiers are quoted and values spelled out. */
export interface SqlDialect {
  /** `duckdb`, `trino`, … */
  readonly name: string
  /** One identifier, quoted. */
  identifier(name: string): string
  /** A table's name, each part quoted. */
  table(identifier: { readonly namespace: readonly string[]; readonly name: string }): string
  /** A literal of the value's own type; `null` gives `NULL`. */
  literal(value: RuleValue | null): string
  /** A literal of one of Iceberg's primitive types, from a number, boolean or text. */
  typedLiteral(value: RuleValue, type: string): string
  /** Boolean expression: the regular expression is found in the text expression. */
  matches(expression: string, regex: string, options?: { readonly caseInsensitive?: boolean }): string
  /** Length of a text expression in code points, as zod counts it. */
  textLength(expression: string): string
  /** Number of items of a list or entries of a map. */
  collectionLength(expression: string): string
  /** One value of several: equal exactly when all of them are, where NULL equals NULL. */
  tuple(expressions: readonly string[]): string
  /** A digest of a text expression, as text: equal for equal texts, and hardly ever for others. */
  digest(expression: string): string
  /** Seconds since 1970 of a date, timestamp or timestamptz expression, as a double. */
  epochSeconds(expression: string): string
  /** Aggregate: about how many distinct values there are; NULL is none. */
  approximateDistinct(expression: string): string
  /** Aggregate: about the value that the given share (0 to 1) of a numeric expression's values do not exceed. */
  approximateQuantile(expression: string, share: number): string
}
