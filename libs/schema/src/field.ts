import { PhloError, type RuleValue } from '@phlo/ports'
import { z } from 'zod'
import { type Comparable, type Comparison, comparisonOf } from './compare-values.js'
import { meaning } from './known-conditions.js'
import { isZodNode, type ZodNode } from './zod-definition.js'

/** What is kept of a field: what zod itself cannot say of a column. */
export interface FieldNotes {
  /** No two rows share a value. */
  readonly unique?: boolean
  readonly description?: string
  /** For instance `pii`. */
  readonly classification?: string
  /** Iceberg type in place of the one that follows from the zod type, for instance `decimal(12, 2)` or `date`. */
  readonly type?: string
  /** The name or names that the column had before: the table's column is renamed, and keeps its values and its id. */
  readonly renamedFrom?: string | readonly string[]
}

/** A field, in words that people know from data frames; each condition is also one of the returned zod schema. */
export interface FieldOptions extends FieldNotes {
  readonly nullable?: boolean
  /** At least. */
  readonly ge?: FieldLimit
  /** Above. */
  readonly gt?: FieldLimit
  /** At most. */
  readonly le?: FieldLimit
  /** Below. */
  readonly lt?: FieldLimit
  /** One of these. */
  readonly isin?: readonly FieldValue[]
  /** None of these. */
  readonly notin?: readonly FieldValue[]
  /** A pattern that is found in the text. */
  readonly regex?: RegExp
  /** Characters of a text, items of a list: exactly so many, or within limits, both inclusive. */
  readonly length?: number | { readonly min?: number; readonly max?: number }
  readonly format?: FieldFormat
}

/** Dates and times are ISO 8601 text or, where the zod type has them, dates. */
export type FieldLimit = number | bigint | string | Date
export type FieldValue = number | bigint | string | boolean

const formats = {
  email: () => z.email(),
  uuid: () => z.uuid(),
  guid: () => z.guid(),
  ipv4: () => z.ipv4(),
  cidrv4: () => z.cidrv4(),
  mac: () => z.mac(),
  base64: () => z.base64(),
  base64url: () => z.base64url(),
  e164: () => z.e164(),
  nanoid: () => z.nanoid(),
  cuid2: () => z.cuid2(),
  ulid: () => z.ulid(),
  hex: () => z.hex(),
}
export type FieldFormat = keyof typeof formats

/**
 * Options by schema instance. Kept on `globalThis`, so that a project's copy of this package and the program's share it,
 * and in a weak map, so that zod's objects are left alone.
 */
const registryKey = Symbol.for('@phlo/schema/fields')
type Registry = WeakMap<object, FieldNotes>

function registry(): Registry {
  const holder = globalThis as { [registryKey]?: Registry }
  return (holder[registryKey] ??= new WeakMap())
}

/**
 * Adds column options to a zod schema. The returned schema is a copy, which takes what meets the options; the given one is
 * unchanged. Throws PHLO_SCHEMA_UNSUPPORTED for a format that is not known.
 *
 * @example
 * z.object({ id: field(z.string(), { unique: true, regex: /^[a-z]+$/, description: 'Entry id' }) })
 */
export function field<T extends z.ZodType>(
  schema: T,
  options: FieldOptions & { readonly nullable: true },
): z.ZodNullable<T>
export function field<T extends z.ZodType>(schema: T, options: FieldOptions): T
export function field(schema: z.ZodType, options: FieldOptions): z.ZodType {
  const { unique, description, classification, type, renamedFrom, nullable, ...conditions } = options
  const notes = { unique, description, classification, type, renamedFrom }
  const checks = checksOf(conditions, comparisonOf(schema))
  const checked = checks.length === 0 ? schema.clone() : withChecks(schema, checks)
  const copy = nullable ? checked.nullable() : checked
  registry().set(copy, Object.fromEntries(Object.entries(notes).filter(([, value]) => value !== undefined)))
  // A copy has no parent that would tell what was said before.
  const before = fieldOptions(schema)
  if (before && copy !== schema) registry().set(copy, { ...before, ...registry().get(copy) })
  return copy
}

type Check = z.core.$ZodCheck

function checksOf({ ge, gt, le, lt, isin, notin, regex, length, format }: FieldOptions, compare: Comparison): Check[] {
  const checks: (z.core.$ZodCheck | undefined)[] = [
    ge === undefined ? undefined : limit(ge, 'min', false, compare),
    gt === undefined ? undefined : limit(gt, 'min', true, compare),
    le === undefined ? undefined : limit(le, 'max', false, compare),
    lt === undefined ? undefined : limit(lt, 'max', true, compare),
    isin && among('in', isin, compare),
    notin && among('not-in', notin, compare),
    regex && z.regex(regex),
    typeof length === 'number' ? z.length(length) : undefined,
    typeof length === 'object' && length.min !== undefined ? z.minLength(length.min) : undefined,
    typeof length === 'object' && length.max !== undefined ? z.maxLength(length.max) : undefined,
    format === undefined ? undefined : formatCheck(format),
  ]
  return checks.filter((check) => check !== undefined)
}

/** zod itself compares texts by their letters; here dates and times are those that they mean. */
function limit(given: FieldLimit, kind: 'min' | 'max', exclusive: boolean, compare: Comparison): Check {
  if (typeof given !== 'string') {
    if (kind === 'min') return exclusive ? z.gt(given) : z.gte(given)
    return exclusive ? z.lt(given) : z.lte(given)
  }
  const condition = (value: Comparable) => {
    const order = compare(value, given)
    if (order === 0) return !exclusive
    return kind === 'min' ? order > 0 : order < 0
  }
  const words = { min: ['at least', 'above'], max: ['at most', 'below'] }[kind]
  return z.refine<Comparable>(meaning({ kind, value: given, exclusive }, condition), {
    error: `must be ${words[Number(exclusive)] as string} ${given}`,
  })
}

function among(kind: 'in' | 'not-in', values: readonly FieldValue[], compare: Comparison): Check {
  const condition = (value: RuleValue) => values.some((known) => compare(value, known) === 0) === (kind === 'in')
  return z.refine<RuleValue>(meaning({ kind, values }, condition), {
    error: `must be ${kind === 'in' ? 'one' : 'none'} of ${values.map(String).join(', ')}`,
  })
}

function formatCheck(format: string): Check {
  const known = (formats as Readonly<Record<string, (() => unknown) | undefined>>)[format]
  if (known) return known() as Check
  throw new PhloError('PHLO_SCHEMA_UNSUPPORTED', `There is no format ${JSON.stringify(format)}`, {
    hint: `Known: ${Object.keys(formats).join(', ')}. Dates and times have types: z.iso.date(), z.iso.datetime(), z.iso.time().`,
  })
}

/** Conditions are on values: NULL never breaks them, wherever the schema allows it. */
function withChecks(schema: z.ZodType, checks: readonly Check[]): z.ZodType {
  const inner = isZodNode(schema) ? schema._zod.def.innerType : undefined
  if (!inner) return schema.check(...(checks as unknown as z.core.$ZodCheck<unknown>[]))
  const innerType = withChecks(inner as unknown as z.ZodType, checks)
  return schema.clone({ ...schema._zod.def, innerType } as unknown as z.core.$ZodTypeDef)
}

/** The options of a schema, and of those that it was made from: `field(z.string(), { … }).min(3)` keeps them. */
export function fieldOptions(schema: object): FieldNotes | undefined {
  const own = registry().get(schema)
  const parent: ZodNode | undefined = isZodNode(schema) ? schema._zod.parent : undefined
  const inherited = parent && fieldOptions(parent)
  return own || inherited ? { ...inherited, ...own } : undefined
}
