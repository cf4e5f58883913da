import type { z } from 'zod'
import { isZodNode } from './zod-definition.js'

/** What zod itself cannot say of a column. */
export interface FieldOptions {
  /** No two rows share a value. */
  readonly unique?: boolean
  readonly description?: string
  /** For instance `pii`. */
  readonly classification?: string
  /** Iceberg type in place of the one that follows from the zod type, for instance `decimal(12, 2)` or `date`. */
  readonly type?: string
}

/**
 * Options by schema instance. Kept on `globalThis`, so that a project's copy of this package and the program's share it,
 * and in a weak map, so that zod's objects are left alone.
 */
const registryKey = Symbol.for('@phlo/schema/fields')
type Registry = WeakMap<object, FieldOptions>

function registry(): Registry {
  const holder = globalThis as { [registryKey]?: Registry }
  return (holder[registryKey] ??= new WeakMap())
}

/**
 * Adds column options to a zod schema. The returned schema is a copy with the same type; the given one is unchanged.
 *
 * @example
 * z.object({ id: field(z.string(), { unique: true, description: 'Entry id' }) })
 */
export function field<T extends z.ZodType>(schema: T, options: FieldOptions): T {
  const copy = schema.clone()
  registry().set(copy, options)
  return copy
}

/** The options of a schema, and of those that it was made from: `field(z.string(), { … }).min(3)` keeps them. */
export function fieldOptions(schema: object): FieldOptions | undefined {
  const own = registry().get(schema)
  const parent = isZodNode(schema) ? schema._zod.parent : undefined
  const inherited = parent && fieldOptions(parent)
  return own || inherited ? { ...inherited, ...own } : undefined
}
