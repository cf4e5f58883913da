import { invalid } from '../invalid.js'

/**
 * The part of Avro's schema language that Iceberg's manifests use, with Iceberg's ids on fields.
 * Source: https://avro.apache.org/docs/1.11.1/specification and Iceberg's spec, Appendix A, "Avro".
 */
export type AvroSchema =
  AvroPrimitive | AvroRecord | AvroArray | AvroMap | AvroFixed | AvroLogical | readonly AvroSchema[]

export type AvroPrimitive = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string'

export interface AvroRecord {
  readonly type: 'record'
  readonly name: string
  readonly fields: readonly AvroField[]
}
export interface AvroField {
  readonly name: string
  readonly type: AvroSchema
  readonly 'field-id'?: number
  readonly default?: null
  readonly doc?: string
}
export interface AvroArray {
  readonly type: 'array'
  readonly items: AvroSchema
  readonly 'element-id'?: number
  /** `map` when the array stands for a map with keys that are no strings. */
  readonly logicalType?: string
}
export interface AvroMap {
  readonly type: 'map'
  readonly values: AvroSchema
}
export interface AvroFixed {
  readonly type: 'fixed'
  readonly name: string
  readonly size: number
  readonly logicalType?: string
  readonly precision?: number
  readonly scale?: number
}
/** A primitive with annotations. */
export interface AvroLogical {
  readonly type: AvroPrimitive
  readonly logicalType?: string
  readonly 'adjust-to-utc'?: boolean
  readonly precision?: number
  readonly scale?: number
}

/** `["null", type]`, as Iceberg writes optional fields. */
export function optional(type: AvroSchema): AvroSchema {
  return ['null', type]
}

export function isUnion(schema: AvroSchema): schema is readonly AvroSchema[] {
  return Array.isArray(schema)
}

const primitiveSizes: Readonly<Record<string, number>> = {
  null: 0,
  boolean: 1,
  int: 1,
  long: 1,
  float: 4,
  double: 8,
  bytes: 1,
  string: 1,
}

/** Beyond these, a schema is hostile rather than real. */
const deepestNesting = 64
const mostNodes = 100_000

/** A type with the fewest bytes that a value takes, and how many types it is made of. */
interface Checked {
  readonly schema: AvroSchema
  readonly bytes: number
  readonly nodes: number
}

/**
 * Reads a schema's JSON text. References to a type by its name are replaced by the type itself: writers define a type
 * such as `decimal_9_2` once and name it from then on. Throws PHLO_ICEBERG_INVALID for what is no schema.
 */
export function parseAvroSchema(text: string, what: string): AvroSchema {
  let raw: unknown
  try {
    raw = JSON.parse(text)
  } catch (error) {
    throw invalid(what, 'has no readable Avro schema', error)
  }
  return new SchemaReader(what).read(raw, 0).schema
}

class SchemaReader {
  private readonly named = new Map<string, Checked>()
  private readonly what: string

  constructor(what: string) {
    this.what = what
  }

  read(raw: unknown, depth: number): Checked {
    if (depth > deepestNesting) throw this.fail(`is nested deeper than ${deepestNesting} levels`)
    if (typeof raw === 'string') return this.byName(raw)
    if (Array.isArray(raw)) {
      const branches = raw.map((branch) => this.read(branch, depth + 1))
      return this.node(
        branches.map(({ schema }) => schema),
        1,
        branches,
      )
    }
    if (typeof raw !== 'object' || raw === null) throw this.fail('has a type that is neither text nor object')
    const { type } = raw as { readonly type?: unknown }
    switch (type) {
      case 'record':
        return this.record(raw as AvroRecord, depth)
      case 'array': {
        const items = this.read((raw as AvroArray).items, depth + 1)
        if (items.bytes === 0) throw this.fail('has an array of items without bytes')
        return this.node({ ...(raw as AvroArray), items: items.schema }, 1, [items])
      }
      case 'map': {
        const values = this.read((raw as AvroMap).values, depth + 1)
        return this.node({ ...(raw as AvroMap), values: values.schema }, 1, [values])
      }
      case 'fixed': {
        const fixed = raw as AvroFixed
        if (!Number.isSafeInteger(fixed.size) || fixed.size < 0) throw this.fail('has a fixed type without a size')
        return this.define(fixed, this.node(fixed, fixed.size, []))
      }
      default: {
        const inner = this.read(type, depth + 1)
        // Annotations belong to the primitive type that they stand beside.
        return typeof inner.schema === 'string' ? { ...inner, schema: raw as AvroLogical } : inner
      }
    }
  }

  private record(raw: AvroRecord, depth: number): Checked {
    if (!Array.isArray(raw.fields)) throw this.fail('has a record without fields')
    const types: Checked[] = []
    const fields = raw.fields.map((field: unknown): AvroField => {
      const { name, type, 'field-id': id } = (typeof field === 'object' && field !== null ? field : {}) as AvroField
      if (typeof name !== 'string' || (id !== undefined && !Number.isSafeInteger(id)))
        throw this.fail('has a field without a name or with an id that is no number')
      const checked = this.read(type, depth + 1)
      types.push(checked)
      return { ...(field as AvroField), type: checked.schema }
    })
    const bytes = types.reduce((sum, checked) => sum + checked.bytes, 0)
    return this.define(raw, this.node({ ...raw, fields }, bytes, types))
  }

  private node(schema: AvroSchema, bytes: number, parts: readonly Checked[]): Checked {
    const nodes = parts.reduce((sum, part) => sum + part.nodes, 1)
    if (nodes > mostNodes) throw this.fail(`is made of more than ${mostNodes} types`)
    return { schema, bytes, nodes }
  }

  private define(raw: { readonly name: string; readonly namespace?: string }, checked: Checked): Checked {
    this.named.set(raw.name, checked)
    if (raw.namespace !== undefined) this.named.set(`${raw.namespace}.${raw.name}`, checked)
    return checked
  }

  private byName(name: string): Checked {
    const bytes = Object.hasOwn(primitiveSizes, name) ? primitiveSizes[name] : undefined
    if (bytes !== undefined) return { schema: name as AvroPrimitive, bytes, nodes: 1 }
    const defined = this.named.get(name)
    if (!defined) throw this.fail(`has an unknown type ${JSON.stringify(name).slice(0, 60)}`)
    return defined
  }

  private fail(problem: string) {
    return invalid(this.what, `its Avro schema ${problem}`)
  }
}
