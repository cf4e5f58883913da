import {
  type ColumnRule,
  type ColumnSchema,
  type IcebergType,
  PhloError,
  type RowSchema,
  type RuleValue,
} from '@phlo/ports'
import type { z } from 'zod'
import { rulesOfCheck } from './column-rules.js'
import { type FieldNotes, fieldOptions } from './field.js'
import { rowRuleOf } from './known-conditions.js'
import { checkComparable } from './row-rules.js'
import { isZodNode, type ZodDefinition, type ZodNode } from './zod-definition.js'

/** What the zod schema of an object says of rows. */
export interface RowSchemaFromZod {
  readonly rows: RowSchema
  /** `z.looseObject`: columns that the schema does not name are left out instead of being an error. */
  readonly loose: boolean
}

/**
 * Reads columns, types and rules out of a `z.object`. Throws PHLO_SCHEMA_UNSUPPORTED, with the column, for what has no
 * column type and for functions that an engine cannot run.
 */
export function rowSchemaFromZod(schema: z.ZodObject): RowSchemaFromZod {
  const node: unknown = schema
  if (!isZodNode(node) || node._zod.def.type !== 'object') {
    throw new PhloError('PHLO_SCHEMA_UNSUPPORTED', 'A table’s schema must be a z.object', {
      hint: 'Wrap the columns in z.object({ … }).',
    })
  }
  const { def } = node._zod
  const rules = (def.checks ?? []).map(({ _zod }) => {
    const rule = rowRuleOf(_zod.def.fn)
    if (rule) return rule
    throw new PhloError(
      'PHLO_SCHEMA_UNSUPPORTED',
      'The schema has a function over whole rows (refine), which an engine cannot run',
      {
        hint: 'Use a custom_sql check that compares the columns.',
      },
    )
  })
  const readings = Object.entries(def.shape ?? {}).map(([name, column]) => readColumn(name, column))
  const columns = readings.map(({ column }) => column)
  if (columns.length === 0) throw new PhloError('PHLO_SCHEMA_UNSUPPORTED', 'The schema has no columns')
  const seen = new Map<string, string>()
  for (const { name } of columns) {
    const other = seen.get(name.toLowerCase())
    if (other !== undefined) {
      throw new PhloError(
        'PHLO_SCHEMA_UNSUPPORTED',
        `The columns ${other} and ${name} differ only in case, which SQL engines do not tell apart`,
      )
    }
    seen.set(name.toLowerCase(), name)
  }
  const compared = readings.map(({ column, naturalType }) => ({ ...column, naturalType }))
  for (const rule of rules) checkComparable(rule, compared)
  return { rows: { columns, ...(rules.length > 0 && { rules }) }, loose: def.catchall?._zod.def.type === 'unknown' }
}

/** A column, and the type that its zod type has by itself. */
function readColumn(name: string, node: ZodNode): { readonly column: ColumnSchema; readonly naturalType: IcebergType } {
  const reading = new Reading(name)
  const naturalType = reading.read(node)
  return { column: columnOf(name, naturalType, reading), naturalType }
}

function columnOf(name: string, type: IcebergType, reading: Reading): ColumnSchema {
  const { options } = reading
  return {
    name,
    type: options.type === undefined ? type : overriddenType(name, type, options.type),
    required: !reading.nullable,
    optional: reading.optional,
    rules: dedupe(reading.rules),
    unique: options.unique ?? false,
    ...(options.description !== undefined && { doc: options.description }),
    ...(options.classification !== undefined && { classification: options.classification }),
    ...(options.renamedFrom !== undefined && {
      formerNames: typeof options.renamedFrom === 'string' ? [options.renamedFrom] : options.renamedFrom,
    }),
  }
}

/** Walks from a column's outermost zod type inwards, collecting what it says. */
class Reading {
  nullable = false
  optional = false
  options: FieldNotes = {}
  readonly rules: ColumnRule[] = []
  private readonly column: string

  constructor(column: string) {
    this.column = column
  }

  read(node: ZodNode): IcebergType {
    // What is said further out counts more.
    const own = fieldOptions(node)
    const description = own?.description ?? node.description
    this.options = { ...own, ...(description !== undefined && { description }), ...this.options }
    const { def } = node._zod
    for (const check of [
      ...(def.check === undefined ? [] : [def]),
      ...(def.checks ?? []).map((item) => item._zod.def),
    ]) {
      this.rules.push(...rulesOfCheck(check, this.column))
    }
    return this.readType(def)
  }

  private readType(def: ZodDefinition): IcebergType {
    switch (def.type) {
      case 'nullable':
        this.nullable = true
        return this.read(def.innerType as ZodNode)
      case 'optional':
        this.nullable = true
        this.optional = true
        return this.read(def.innerType as ZodNode)
      case 'readonly':
        return this.read(def.innerType as ZodNode)
      case 'string':
        return stringType(def)
      case 'number':
        return this.number(def)
      case 'bigint':
        if (def.format === 'uint64') return 'decimal(20, 0)'
        return 'long'
      case 'boolean':
        return 'boolean'
      case 'date':
        return 'timestamptz'
      case 'enum':
        return this.choices(enumValues(def.entries ?? {}))
      case 'literal':
        return this.choices(def.values ?? [])
      case 'union':
        return this.union(def.options ?? [])
      case 'array':
      case 'object':
      case 'record':
        if (this.rules.some(({ kind }) => kind !== 'min-length' && kind !== 'max-length'))
          throw this.nestedRule(this.column)
        return this.nested(def)
      default:
        throw this.unsupported(`z.${def.type}() has no column type`)
    }
  }

  private number(def: ZodDefinition): IcebergType {
    // `z.int()` has the format itself, `z.number().int()` as a check; the narrowest of several says the type.
    const formats = [def.format, ...(def.checks ?? []).map((check) => check._zod.def.format)]
    const type = numberTypes.find(([format]) => formats.includes(format))?.[1] ?? 'double'
    // zod's numbers exclude NaN and the infinities.
    if (type === 'double' || type === 'float') this.rules.push({ kind: 'finite' })
    return type
  }

  private choices(values: readonly unknown[]): IcebergType {
    const kinds = new Set(values.map((value) => typeof value))
    const [kind] = kinds
    if (kinds.size !== 1 || (kind !== 'string' && kind !== 'number' && kind !== 'boolean' && kind !== 'bigint')) {
      throw this.unsupported('its values are not all texts, all numbers or all booleans')
    }
    this.rules.push({ kind: 'in', values: values as RuleValue[] })
    if (kind === 'number') return values.every(Number.isInteger) ? 'long' : 'double'
    return kind === 'bigint' ? 'long' : kind
  }

  /** A union with null (or undefined) is a nullable (or optional) type; any other has no single column type. */
  private union(options: readonly ZodNode[]): IcebergType {
    const others = options.filter(({ _zod }) => _zod.def.type !== 'null' && _zod.def.type !== 'undefined')
    if (others.length !== 1) throw this.unsupported('a union of several types has no single column type')
    if (others.length < options.length) this.nullable = true
    if (options.some(({ _zod }) => _zod.def.type === 'undefined')) this.optional = true
    return this.read(others[0] as ZodNode)
  }

  private nested(def: ZodDefinition): IcebergType {
    if (def.type === 'array') {
      const element = this.inner('element', def.element as ZodNode)
      return { type: 'list', 'element-id': 0, element: element.type, 'element-required': element.required }
    }
    if (def.type === 'record') {
      const key = this.inner('key', def.keyType as ZodNode)
      const value = this.inner('value', def.valueType as ZodNode)
      return {
        type: 'map',
        'key-id': 0,
        key: key.type,
        'value-id': 0,
        value: value.type,
        'value-required': value.required,
      }
    }
    return {
      type: 'struct',
      fields: Object.entries(def.shape ?? {}).map(([name, node]) => {
        const { type, required, doc } = this.inner(name, node)
        return { id: 0, name, type, required, ...(doc !== undefined && { doc }) }
      }),
    }
  }

  /** Engines check rules on columns, so a nested type may only say types. */
  private inner(name: string, node: ZodNode): ColumnSchema {
    const { column } = readColumn(`${this.column}.${name}`, node)
    const implied = new Set(['finite', 'min', 'max'])
    const said = column.rules.filter((rule) => !(implied.has(rule.kind) && isImplied(rule)))
    if (said.length > 0 || column.unique) throw this.nestedRule(column.name)
    return column
  }

  private nestedRule(column: string): PhloError {
    return this.unsupported('a nested type has rules, which are only checked on columns', column)
  }

  private unsupported(problem: string, column = this.column): PhloError {
    return new PhloError('PHLO_SCHEMA_UNSUPPORTED', `Column ${column}: ${problem}`, {
      hint: 'See docs/schemas.md for the zod types and rules that columns can have.',
      context: { column },
    })
  }
}

/** Bounds that follow from the number's own format, which the type says. */
function isImplied(rule: ColumnRule): boolean {
  if (rule.kind === 'finite') return true
  if (rule.kind !== 'min' && rule.kind !== 'max') return false
  return [2 ** 31 - 1, -(2 ** 31), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER].includes(Number(rule.value))
}

function stringType(def: ZodDefinition): IcebergType {
  switch (def.format) {
    case 'datetime':
      return def.local ? 'timestamp' : 'timestamptz'
    case 'date':
      return 'date'
    case 'time':
      return 'time'
    default:
      return 'string'
  }
}

/** Column types by zod's formats of numbers, the narrowest first. */
const numberTypes: readonly (readonly [format: string, type: string])[] = [
  ['int32', 'int'],
  ['uint32', 'long'],
  ['safeint', 'long'],
  ['float32', 'float'],
]

/** TypeScript's numeric enums also map the numbers back to the names, which are no values. */
function enumValues(entries: Readonly<Record<string, string | number>>): (string | number)[] {
  const numbers = Object.values(entries).filter((value) => typeof value === 'number')
  return Object.entries(entries)
    .filter(([name]) => !numbers.includes(Number(name)))
    .map(([, value]) => value)
}

/** Which Iceberg types a zod type may be stored as. */
const overrides: Readonly<Record<string, RegExp>> = {
  string: /^(string|uuid|date|time|timestamp|timestamptz|decimal)$/,
  long: /^(int|long|float|double|decimal)$/,
  int: /^(int|long|decimal)$/,
  double: /^(int|long|float|double|decimal)$/,
  float: /^(float|double)$/,
  boolean: /^boolean$/,
  timestamptz: /^(date|timestamp|timestamptz|string)$/,
  timestamp: /^(date|timestamp|timestamptz|string)$/,
  date: /^(date|string)$/,
  time: /^(time|string)$/,
}

function overriddenType(column: string, natural: IcebergType, wanted: string): IcebergType {
  const kind = /^[a-z]+/.exec(wanted)?.[0] ?? ''
  const decimal = /^decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)$/.exec(wanted)
  const valid =
    kind === 'decimal'
      ? decimal !== null && Number(decimal[1]) <= 38 && Number(decimal[2]) <= Number(decimal[1])
      : kind === wanted
  if (typeof natural === 'string' && valid && overrides[natural]?.test(kind)) {
    return decimal ? `decimal(${Number(decimal[1])}, ${Number(decimal[2])})` : wanted
  }
  throw new PhloError(
    'PHLO_SCHEMA_UNSUPPORTED',
    `Column ${column}: its zod type cannot be stored as ${JSON.stringify(wanted)}`,
    {
      hint: `Types for it match ${typeof natural === 'string' ? String(overrides[natural]) : 'none'}; decimals are written decimal(precision, scale).`,
      context: { column },
    },
  )
}

/** Narrower bounds make wider ones needless: `z.int().min(20)` need not be checked against the safe integers, too. */
function dedupe(rules: readonly ColumnRule[]): ColumnRule[] {
  return rules.filter((rule, index) => {
    if (rule.kind !== 'min' && rule.kind !== 'max') return true
    return !rules.some((other, at) => {
      if (other.kind !== rule.kind || at === index) return false
      const [mine, theirs] = [rule.value, other.value]
      if (!isNumeric(mine) || !isNumeric(theirs)) return false
      const tighter = rule.kind === 'min' ? theirs > mine : theirs < mine
      return (
        tighter ||
        (!(theirs < mine) && !(theirs > mine) && (other.exclusive !== rule.exclusive ? other.exclusive : at < index))
      )
    })
  })
}

/** Numbers and bigints compare with each other, exactly. */
function isNumeric(value: RuleValue): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}
