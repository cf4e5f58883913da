import { type AggregateValues, type CheckContext, PhloError, type StandardSchema } from '@phlo/ports'
import type { z } from 'zod'

/** zod's schemas are Standard Schemas; this says so to the compiler without spelling out zod's own generics. */
export function standardSchema<T>(schema: z.ZodType<T>): StandardSchema<T> {
  return schema
}

/** The column's Iceberg type as text. Throws PHLO_CHECK_INVALID for nested columns. */
export function primitiveType(context: CheckContext, column: string): string {
  const type = context.columns.find(({ name }) => name === column)?.type
  if (typeof type === 'string') return type
  throw new PhloError('PHLO_CHECK_INVALID', `The column ${column} is nested, and this check looks at plain values`)
}

/** An aggregate's value as a number; 0 for none. */
export function numberOf(values: AggregateValues, alias: string): number {
  return Number(values[alias] ?? 0)
}

export function columnList(columns: readonly string[]): string {
  return columns.join(', ')
}

/** Throws PHLO_CHECK_INVALID for a column whose values are no numbers. */
export function requireNumber(column: string, type: string): void {
  if (/^(int|long|float|double|decimal.*)$/.test(type)) return
  throw new PhloError('PHLO_CHECK_INVALID', `The column ${column} is ${type}, and this check looks at numbers`)
}
