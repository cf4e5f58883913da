import { invalid } from '../invalid.js'
import { type AvroField, type AvroRecord, type AvroSchema, isUnion } from './avro-schema.js'
import type { ByteReader } from './byte-reader.js'

/** Decodes one item. */
export type Decode = (reader: ByteReader) => unknown

/** What the caller wants of a value; everything else is skipped without being made. */
export type Want =
  /** As it comes: int and long as safe integers, bytes as a view. */
  | 'value'
  /** A long of full width. */
  | 'bigint'
  /** A record's fields by Iceberg field id. A field that the writer lacks is `undefined`. */
  | { readonly record: ReadonlyMap<number, { readonly as: string; readonly want: Want }> }
  /** An array of key and value records with int keys, as a `Map`; only `keys` when given. */
  | { readonly idMap: Want; readonly keys?: ReadonlySet<number> }
  | { readonly list: Want }
  /** A record as an array: for each field id how to decode it, in this order; `null` where the writer lacks it. */
  | { readonly tuple: readonly { readonly id: number; readonly decode: (schema: AvroSchema) => Decode }[] }

/**
 * Compiles a decoder for what was written with `schema`, resolved by field id.
 * Reads only what is wanted. Throws PHLO_ICEBERG_INVALID for schemas that cannot hold it.
 */
export function compileDecoder(schema: AvroSchema, want: Want, what: string): Decode {
  if (isUnion(schema)) {
    const branches = schema.map((branch) => (branch === 'null' ? () => undefined : compileDecoder(branch, want, what)))
    return (reader) => pick(branches, reader)(reader)
  }
  if (typeof want === 'object') {
    if ('record' in want) return compileRecord(asRecord(schema, what), want.record, what)
    if ('tuple' in want) return compileTuple(asRecord(schema, what), want.tuple)
    if ('idMap' in want) return compileIdMap(schema, want, what)
    return compileList(schema, want.list, what)
  }
  const type = typeof schema === 'string' ? schema : (schema as { type: string }).type
  switch (type) {
    case 'null':
      return () => undefined
    case 'boolean':
      return (reader) => reader.boolean()
    case 'int':
    case 'long':
      return want === 'bigint' ? (reader) => reader.bigLong() : (reader) => reader.long()
    case 'float':
      return (reader) => reader.float()
    case 'double':
      return (reader) => reader.double()
    case 'string':
      return (reader) => reader.string()
    case 'bytes':
      return (reader) => reader.bytes()
    case 'fixed': {
      const { size } = schema as { size: number }
      return (reader) => reader.fixed(size)
    }
    default:
      throw invalid(what, `has a field of Avro type ${type} where a plain value belongs`)
  }
}

/** Compiles a function that moves past one value. */
export function compileSkip(schema: AvroSchema, what: string): Decode {
  if (isUnion(schema)) {
    const branches = schema.map((branch) => compileSkip(branch, what))
    return (reader) => pick(branches, reader)(reader)
  }
  if (typeof schema === 'object') {
    switch (schema.type) {
      case 'record': {
        const skips = schema.fields.map((field) => compileSkip(field.type, what))
        return (reader) => {
          for (const skip of skips) skip(reader)
        }
      }
      case 'array': {
        const { items } = schema as { items: AvroSchema }
        const longs = countLongs(items)
        if (longs > 0) return (reader) => skipBlocks(reader, (count) => reader.skipLongs(count * longs))
        const skip = compileSkip(items, what)
        return (reader) =>
          skipBlocks(reader, (count) => {
            for (let index = 0; index < count; index++) skip(reader)
          })
      }
      case 'map': {
        const skip = compileSkip((schema as { values: AvroSchema }).values, what)
        return (reader) =>
          skipBlocks(reader, (count) => {
            for (let index = 0; index < count; index++) {
              reader.skip(reader.long())
              skip(reader)
            }
          })
      }
      case 'fixed': {
        const { size } = schema as { size: number }
        return (reader) => reader.skip(size)
      }
      default:
        return compileSkip(schema.type, what)
    }
  }
  switch (schema) {
    case 'null':
      return () => undefined
    case 'boolean':
      return (reader) => reader.skip(1)
    case 'int':
    case 'long':
      return (reader) => reader.skipLong()
    case 'float':
      return (reader) => reader.skip(4)
    case 'double':
      return (reader) => reader.skip(8)
    case 'string':
    case 'bytes':
      return (reader) => reader.skip(reader.long())
    default:
      throw invalid(what, `has an unknown Avro type ${String(schema)}`)
  }
}

function compileRecord(
  schema: AvroRecord,
  wants: ReadonlyMap<number, { readonly as: string; readonly want: Want }>,
  what: string,
): Decode {
  const steps = schema.fields.map((field) => {
    const wanted = wants.get(field['field-id'] ?? -1)
    return wanted
      ? { as: wanted.as, decode: compileDecoder(field.type, wanted.want, what) }
      : { as: undefined, decode: compileSkip(field.type, what) }
  })
  return (reader) => {
    const item: Record<string, unknown> = {}
    for (const { as, decode } of steps) {
      if (as === undefined) decode(reader)
      else item[as] = decode(reader)
    }
    return item
  }
}

function compileTuple(
  schema: AvroRecord,
  tuple: readonly { readonly id: number; readonly decode: (schema: AvroSchema) => Decode }[],
): Decode {
  const at = (field: AvroField) => tuple.findIndex((entry) => entry.id === field['field-id'])
  const steps = schema.fields.map((field) => ({
    index: at(field),
    decode: tuple[at(field)]?.decode(field.type) ?? compileSkip(field.type, 'a partition tuple'),
  }))
  return (reader) => {
    const values: unknown[] = new Array<unknown>(tuple.length).fill(null)
    for (const { index, decode } of steps) {
      const value = decode(reader)
      if (index >= 0) values[index] = value ?? null
    }
    return values
  }
}

function compileIdMap(
  schema: AvroSchema,
  want: { readonly idMap: Want; readonly keys?: ReadonlySet<number> },
  what: string,
): Decode {
  const items = arrayItems(schema, what)
  const record = asRecord(items, what)
  const [key, value] = record.fields
  if (record.fields.length !== 2 || !key || !value) throw invalid(what, 'has a map whose entries are no pairs')
  const decodeKey = compileDecoder(key.type, 'value', what) as (reader: ByteReader) => number
  const decodeValue = compileDecoder(value.type, want.idMap, what)
  const skipValue = compileSkip(value.type, what)
  return (reader) => {
    const map = new Map<number, unknown>()
    readBlocks(reader, () => {
      const id = decodeKey(reader)
      if (want.keys && !want.keys.has(id)) skipValue(reader)
      else map.set(id, decodeValue(reader))
    })
    return map
  }
}

function compileList(schema: AvroSchema, want: Want, what: string): Decode {
  const decode = compileDecoder(arrayItems(schema, what), want, what)
  return (reader) => {
    const list: unknown[] = []
    readBlocks(reader, () => list.push(decode(reader)))
    return list
  }
}

function readBlocks(reader: ByteReader, item: () => void): void {
  for (;;) {
    let count = reader.long()
    if (count === 0) return
    if (count < 0) {
      count = -count
      reader.skipLong()
    }
    if (count > reader.remaining) reader.fail(`claims ${count} items`)
    for (let index = 0; index < count; index++) item()
  }
}

function skipBlocks(reader: ByteReader, skip: (count: number) => void): void {
  for (;;) {
    const count = reader.long()
    if (count === 0) return
    if (count < 0) reader.skip(reader.long())
    else {
      if (count > reader.remaining) reader.fail(`claims ${count} items`)
      skip(count)
    }
  }
}

/** How many ints and longs a value is made of, when it is made of nothing else; otherwise 0. */
export function countLongs(schema: AvroSchema): number {
  if (isUnion(schema)) return 0
  if (typeof schema === 'object' && schema.type === 'record') {
    const counts = schema.fields.map((field) => countLongs(field.type))
    return counts.includes(0) ? 0 : counts.reduce((sum, count) => sum + count, 0)
  }
  const type = typeof schema === 'string' ? schema : schema.type
  return type === 'int' || type === 'long' ? 1 : 0
}

function pick(branches: readonly Decode[], reader: ByteReader): Decode {
  return branches[reader.long()] ?? reader.fail('names a union branch that is not there')
}

export function asRecord(schema: AvroSchema, what: string): AvroRecord {
  if (typeof schema === 'object' && !isUnion(schema) && schema.type === 'record') return schema
  throw invalid(what, 'has something else where a record belongs')
}

export function arrayItems(schema: AvroSchema, what: string): AvroSchema {
  if (typeof schema === 'object' && !isUnion(schema) && schema.type === 'array')
    return (schema as { items: AvroSchema }).items
  throw invalid(what, 'has something else where an array belongs')
}
