import { type AvroField, type AvroFixed, type AvroSchema, optional } from '../avro/avro-schema.js'
import type { ByteWriter } from '../avro/byte-writer.js'
import { compileDecoder, compileSkip, type Decode } from '../avro/decoder.js'
import { invalid, unsupported } from '../invalid.js'
import type { BoundPartitionField } from '../partition/partition-spec.js'
import type { Primitive } from '../types/primitive.js'
import { unitsPerSecond } from '../types/date-time.js'
import { decodeValue, encodeUnscaled, formatUuid, type Value } from '../types/value.js'

/** Partition values in manifests: how they are declared, written and read. */

/** Spec: Appendix A, "Avro", data type mappings. */
function avroType(type: Primitive, name: string): AvroSchema {
  switch (type.kind) {
    case 'boolean':
    case 'int':
    case 'long':
    case 'float':
    case 'double':
    case 'string':
      return type.kind
    case 'binary':
      return 'bytes'
    case 'date':
      return { type: 'int', logicalType: 'date' }
    case 'time':
      return { type: 'long', logicalType: 'time-micros' }
    case 'timestamp':
      return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': false }
    case 'timestamptz':
      return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': true }
    case 'timestamp_ns':
      return { type: 'long', logicalType: 'timestamp-nanos', 'adjust-to-utc': false }
    case 'timestamptz_ns':
      return { type: 'long', logicalType: 'timestamp-nanos', 'adjust-to-utc': true }
    case 'uuid':
      return { type: 'fixed', name: `uuid_${name}`, size: 16, logicalType: 'uuid' }
    case 'fixed':
      return { type: 'fixed', name: `fixed_${name}`, size: type.length }
    case 'decimal':
      return {
        type: 'fixed',
        name: `decimal_${name}`,
        size: decimalBytes(type.precision),
        logicalType: 'decimal',
        precision: type.precision,
        scale: type.scale,
      }
    case 'unknown':
      return 'null'
    case 'variant':
    case 'geometry':
    case 'geography':
      throw unsupported(`A partition of ${type.kind} values`)
  }
}

/** How a partition field is declared. Throws PHLO_ICEBERG_UNSUPPORTED for an unknown transform's. */
export function partitionSchema({ field, transform, type }: BoundPartitionField): Pick<AvroField, 'type' | 'default'> {
  if (transform.kind === 'unknown')
    throw unsupported(`Writing files with the partition transform ${JSON.stringify(transform.text).slice(0, 60)}`)
  const schema = avroType(type, String(field['field-id']))
  return { type: schema === 'null' ? schema : optional(schema), default: null }
}

/** Bytes that hold every unscaled value of the precision. */
function decimalBytes(precision: number): number {
  return encodeUnscaled(10n ** BigInt(precision) - 1n).length
}

export function writePartitionValue(writer: ByteWriter, type: Primitive, value: Value | null): void {
  if (type.kind === 'unknown') return
  writer.long(value === null ? 0 : 1)
  if (value === null) return
  switch (type.kind) {
    case 'boolean':
      return writer.boolean(value as boolean)
    case 'int':
    case 'date':
      return writer.long(value as number)
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return writer.long(value as bigint)
    case 'float':
      return writer.float(value as number)
    case 'double':
      return writer.double(value as number)
    case 'string':
      return writer.string(value as string)
    case 'uuid':
      return writer.fixed(Buffer.from((value as string).replaceAll('-', ''), 'hex'))
    case 'fixed':
      return writer.fixed(value as Uint8Array)
    case 'binary':
      return writer.bytes(value as Uint8Array)
    case 'decimal': {
      const size = decimalBytes(type.precision)
      const bytes = encodeUnscaled(value as bigint)
      const padded = new Uint8Array(size).fill((value as bigint) < 0n ? 0xff : 0)
      padded.set(bytes, size - bytes.length)
      return writer.fixed(padded)
    }
    default:
      throw unsupported(`A partition of ${type.kind} values`)
  }
}

/** How a partition field's values are read, whatever type its column had when they were written. */
export function partitionColumn(bound: BoundPartitionField): { id: number; decode: (schema: AvroSchema) => Decode } {
  const what = `partition field ${bound.field.name}`
  return { id: bound.field['field-id'], decode: (schema) => decodePartition(schema, bound, what) }
}

function decodePartition(schema: AvroSchema, { transform, type }: BoundPartitionField, what: string): Decode {
  if (transform.kind === 'void') return compileSkip(schema, what)
  if (transform.kind === 'unknown') {
    // Only whether two are the same matters. Spec: "Scan Planning", note 4.
    const decode = compileDecoder(schema, 'bigint', what)
    return (reader) => {
      const value = decode(reader)
      return value instanceof Uint8Array ? Uint8Array.from(value) : value
    }
  }
  if (!holds(schema, type)) throw invalid(what, `is stored as ${JSON.stringify(schema).slice(0, 60)}`)
  const decode = compileDecoder(schema, wideKinds.has(type.kind) ? 'bigint' : 'value', what)
  switch (type.kind) {
    case 'decimal':
    case 'fixed':
    case 'binary':
      return (reader) => copyBytes(type, decode(reader))
    case 'uuid':
      return (reader) => {
        const value = decode(reader)
        return value instanceof Uint8Array ? formatUuid(value) : value
      }
    case 'timestamp':
    case 'timestamp_ns': {
      if (!storedAsInt(schema)) return decode
      // The column was a date.
      const perDay = 86_400n * unitsPerSecond(type.kind)
      return (reader) => {
        const days = decode(reader)
        return typeof days === 'bigint' ? days * perDay : days
      }
    }
    default:
      return decode
  }
}

const wideKinds = new Set(['long', 'time', 'timestamp', 'timestamptz', 'timestamp_ns', 'timestamptz_ns'])

function storedAsInt(schema: AvroSchema): boolean {
  if (Array.isArray(schema)) return schema.some(storedAsInt)
  return schema === 'int' || (schema as { readonly type: unknown }).type === 'int'
}

/** Can values of the type have been stored so? Columns may have been widened since. */
function holds(schema: AvroSchema, type: Primitive): boolean {
  if (Array.isArray(schema)) return schema.every((branch: AvroSchema) => branch === 'null' || holds(branch, type))
  const stored = typeof schema === 'string' ? schema : (schema as { readonly type: string }).type
  switch (type.kind) {
    case 'int':
    case 'long':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return stored === 'int' || stored === 'long'
    case 'float':
    case 'double':
      return stored === 'float' || stored === 'double'
    case 'uuid':
      return stored === 'fixed' && (schema as AvroFixed).size === 16
    case 'decimal':
    case 'fixed':
    case 'binary':
      return stored === 'fixed' || stored === 'bytes'
    case 'unknown':
      return stored === 'null'
    default:
      return stored === type.kind
  }
}

function copyBytes(type: Primitive, value: unknown): Value | undefined {
  if (!(value instanceof Uint8Array)) return undefined
  return type.kind === 'decimal' ? decodeValue(type, value) : Uint8Array.from(value)
}
