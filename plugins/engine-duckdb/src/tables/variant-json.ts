/** What DuckDB's values of nested types and of VARIANT hold. */
interface Wrapped {
  toString(): string
  /** Of a variant; a decimal has it, too. */
  readonly value?: unknown
  readonly type?: unknown
  readonly items?: readonly unknown[]
  readonly entries?: Readonly<Record<string, unknown>>
  readonly scale?: number
}

/**
 * A variant's value as JSON. Numbers have all their digits; what JSON has not, such as dates, bytes and NaN, is text as
 * DuckDB writes it.
 */
export function variantJson(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : JSON.stringify(String(value))
  if (typeof value === 'string') return JSON.stringify(value)
  const { value: inner, type, items, entries, scale } = value as Wrapped
  if (type !== undefined) return variantJson(inner)
  if (items) return `[${items.map(variantJson).join(',')}]`
  if (entries) {
    const fields = Object.entries(entries).map(([name, field]) => `${JSON.stringify(name)}:${variantJson(field)}`)
    return `{${fields.join(',')}}`
  }
  // A decimal's text is a number of JSON.
  const text = (value as Wrapped).toString()
  return scale === undefined ? JSON.stringify(text) : text
}
