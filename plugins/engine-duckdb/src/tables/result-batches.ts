import type * as Arrow from 'apache-arrow'
import type { DuckDBDataChunk, DuckDBResult, DuckDBType, DuckDBValue } from '@duckdb/node-api'
import { PhloError } from '@phlo/ports'
import { duckdbTypeId } from '../duckdb-types.js'
import { variantJson } from './variant-json.js'

/** Rows of an Arrow batch; DuckDB's own chunks have 2,048. */
const batchRows = 32_768

/** The Arrow schema of a DuckDB result. Types that Arrow's JavaScript lacks (intervals, bits, …) come as text. */
export function arrowSchema(arrow: typeof Arrow, result: DuckDBResult): Arrow.Schema {
  const types = result.columnTypes()
  return new arrow.Schema(
    result.deduplicatedColumnNames().map((name, index) => arrowField(arrow, name, types[index] as DuckDBType)),
  )
}

/** A DuckDB result as Arrow record batches, made as they are read. */
export async function* arrowBatches(
  arrow: typeof Arrow,
  result: DuckDBResult,
  schema: Arrow.Schema,
  guard: <T>(work: () => Promise<T>) => Promise<T>,
): AsyncGenerator<Arrow.RecordBatch> {
  const types = result.columnTypes()
  let chunks: DuckDBDataChunk[] = []
  let rows = 0
  const flush = () => {
    const data = arrow.makeData({
      type: new arrow.Struct(schema.fields),
      length: rows,
      children: types.map((type, column) => columnData(arrow, type, chunks, column, rows)),
    })
    chunks = []
    rows = 0
    return new arrow.RecordBatch(schema, data)
  }
  for (;;) {
    const chunk = await guard(() => result.fetchChunk())
    if (!chunk || chunk.rowCount === 0) break
    chunks.push(chunk)
    rows += chunk.rowCount
    if (rows >= batchRows) yield flush()
  }
  if (rows > 0) yield flush()
}

interface Nested {
  readonly valueType: DuckDBType
  readonly keyType: DuckDBType
  readonly entryNames: readonly string[]
  readonly entryTypes: readonly DuckDBType[]
  readonly width: number
  readonly scale: number
}

/** A field that may be NULL, marked as an extension type where Arrow itself has none. */
function arrowField(arrow: typeof Arrow, name: string, type: DuckDBType): Arrow.Field {
  const extension = extensions.get(type.typeId)
  const metadata = extension === undefined ? new Map<string, string>() : new Map([['ARROW:extension:name', extension]])
  return new arrow.Field(name, arrowType(arrow, type), true, metadata)
}

const extensions = new Map<number, string>([
  [duckdbTypeId.GEOMETRY, 'geoarrow.wkb'],
  [duckdbTypeId.VARIANT, 'arrow.json'],
])

function arrowType(arrow: typeof Arrow, type: DuckDBType): Arrow.DataType {
  const nested = type as unknown as Nested
  const id = duckdbTypeId
  switch (type.typeId as number) {
    case id.BOOLEAN:
      return new arrow.Bool()
    case id.TINYINT:
      return new arrow.Int8()
    case id.SMALLINT:
      return new arrow.Int16()
    case id.INTEGER:
      return new arrow.Int32()
    case id.BIGINT:
      return new arrow.Int64()
    case id.UTINYINT:
      return new arrow.Uint8()
    case id.USMALLINT:
      return new arrow.Uint16()
    case id.UINTEGER:
      return new arrow.Uint32()
    case id.UBIGINT:
      return new arrow.Uint64()
    case id.FLOAT:
      return new arrow.Float32()
    case id.DOUBLE:
      return new arrow.Float64()
    case id.HUGEINT:
      return new arrow.Decimal(0, 38, 128)
    case id.DECIMAL:
      return new arrow.Decimal(nested.scale, nested.width, 128)
    case id.BLOB:
    // Well-known binary.
    case id.GEOMETRY:
      return new arrow.Binary()
    case id.DATE:
      return new arrow.DateDay()
    case id.TIME:
      return new arrow.TimeMicrosecond()
    case id.TIMESTAMP:
      return new arrow.TimestampMicrosecond()
    case id.TIMESTAMP_S:
      return new arrow.TimestampSecond()
    case id.TIMESTAMP_MS:
      return new arrow.TimestampMillisecond()
    case id.TIMESTAMP_NS:
      return new arrow.TimestampNanosecond()
    case id.TIMESTAMP_TZ:
      return new arrow.TimestampMicrosecond('UTC')
    case id.LIST:
    case id.ARRAY:
      return new arrow.List(arrowField(arrow, 'element', nested.valueType))
    case id.STRUCT:
      if (nested.entryNames.includes('')) {
        throw new PhloError('PHLO_SQL_INVALID', 'The result has a struct whose fields have no names', {
          hint: "Name them: {'a': 1, 'b': 2} instead of row(1, 2).",
        })
      }
      return new arrow.Struct(
        nested.entryTypes.map((entry, index) => arrowField(arrow, nested.entryNames[index] as string, entry)),
      )
    case id.MAP:
      return new arrow.Map_(
        new arrow.Field(
          'entries',
          new arrow.Struct<{ key: Arrow.DataType; value: Arrow.DataType }>([
            new arrow.Field('key', arrowType(arrow, nested.keyType), false),
            arrowField(arrow, 'value', nested.valueType) as Arrow.Field<Arrow.DataType>,
          ]),
          false,
        ),
      )
    default:
      return new arrow.Utf8()
  }
}

/** One column of several chunks as Arrow data. */
function columnData(
  arrow: typeof Arrow,
  type: DuckDBType,
  chunks: readonly DuckDBDataChunk[],
  column: number,
  rows: number,
): Arrow.Data {
  const target = arrowType(arrow, type)
  const values: (DuckDBValue | null)[] = new Array<DuckDBValue | null>(rows)
  let row = 0
  for (const chunk of chunks) {
    const vector = chunk.getColumnVector(column)
    for (let index = 0; index < chunk.rowCount; index++) values[row++] = vector.getItem(index)
  }
  return valuesData(arrow, type, target, values)
}

function valuesData(
  arrow: typeof Arrow,
  type: DuckDBType,
  target: Arrow.DataType,
  values: readonly (DuckDBValue | null)[],
): Arrow.Data {
  const { length } = values
  const nullBitmap = new Uint8Array(Math.ceil(length / 8))
  let nullCount = 0
  for (let index = 0; index < length; index++) {
    if (values[index] === null || values[index] === undefined) nullCount++
    else nullBitmap[index >> 3] = (nullBitmap[index >> 3] as number) | (1 << (index & 7))
  }
  const base = { length, nullCount, nullBitmap }
  const nested = type as unknown as Nested
  if (arrow.DataType.isUtf8(target)) {
    const text = (type.typeId as number) === duckdbTypeId.VARIANT ? variantJson : String
    return bytesData(arrow, target, values, base, (value) => Buffer.from(text(value), 'utf8'))
  }
  if (arrow.DataType.isBinary(target))
    return bytesData(arrow, target, values, base, (value) => (value as unknown as { bytes: Uint8Array }).bytes)
  if (arrow.DataType.isBool(target)) {
    const data = new Uint8Array(Math.ceil(length / 8))
    values.forEach((value, index) => {
      if (value === true) data[index >> 3] = (data[index >> 3] as number) | (1 << (index & 7))
    })
    return arrow.makeData({ type: target, ...base, data })
  }
  if (arrow.DataType.isDecimal(target)) {
    const data = new BigUint64Array(length * 2)
    values.forEach((value, index) => {
      if (value === null) return
      const unscaled = typeof value === 'bigint' ? value : (value as unknown as { value: bigint }).value
      data[index * 2] = BigInt.asUintN(64, unscaled)
      data[index * 2 + 1] = BigInt.asUintN(64, unscaled >> 64n)
    })
    return arrow.makeData({ type: target, ...base, data: new Uint32Array(data.buffer) })
  }
  if (arrow.DataType.isStruct(target)) {
    const children = target.children.map((child, index) =>
      valuesData(
        arrow,
        nested.entryTypes[index] as DuckDBType,
        child.type as Arrow.DataType,
        values.map((value) =>
          value === null ? null : ((value as unknown as StructShape).entries[child.name] ?? null),
        ),
      ),
    )
    return arrow.makeData({ type: target, ...base, children })
  }
  if (arrow.DataType.isList(target) || arrow.DataType.isMap(target)) {
    const offsets = new Int32Array(length + 1)
    const items: unknown[] = []
    values.forEach((value, index) => {
      const collection = value as unknown as { items?: unknown[]; entries?: unknown[] } | null
      for (const item of collection?.items ?? collection?.entries ?? []) items.push(item)
      offsets[index + 1] = items.length
    })
    if (arrow.DataType.isList(target)) {
      const child = valuesData(arrow, nested.valueType, target.valueType as Arrow.DataType, items as DuckDBValue[])
      return arrow.makeData({ type: target, ...base, valueOffsets: offsets, child })
    }
    const entries = items as { key: DuckDBValue; value: DuckDBValue | null }[]
    const struct = target.childType as unknown as Arrow.Struct
    const child = arrow.makeData({
      type: struct,
      length: entries.length,
      nullCount: 0,
      children: [
        valuesData(
          arrow,
          nested.keyType,
          target.keyType as Arrow.DataType,
          entries.map(({ key }) => key),
        ),
        valuesData(
          arrow,
          nested.valueType,
          target.valueType as Arrow.DataType,
          entries.map(({ value }) => value),
        ),
      ],
    })
    return arrow.makeData({ type: target, ...base, valueOffsets: offsets, child } as never)
  }
  return fixedWidthData(arrow, target, values, base)
}

interface StructShape {
  readonly entries: Readonly<Record<string, DuckDBValue>>
}

type Base = { readonly length: number; readonly nullCount: number; readonly nullBitmap: Uint8Array }

function bytesData(
  arrow: typeof Arrow,
  type: Arrow.Utf8 | Arrow.Binary,
  values: readonly (DuckDBValue | null)[],
  base: Base,
  encode: (value: DuckDBValue) => Uint8Array,
): Arrow.Data {
  const parts: Uint8Array[] = []
  const valueOffsets = new Int32Array(values.length + 1)
  let size = 0
  values.forEach((value, index) => {
    if (value !== null) {
      const part = encode(value)
      parts.push(part)
      size += part.length
    }
    valueOffsets[index + 1] = size
  })
  return arrow.makeData({ type: type as Arrow.Utf8, ...base, valueOffsets, data: Buffer.concat(parts, size) })
}

/** Numbers, dates and times: DuckDB wraps times in objects that hold the count. */
function fixedWidthData(
  arrow: typeof Arrow,
  type: Arrow.DataType,
  values: readonly (DuckDBValue | null)[],
  base: Base,
): Arrow.Data {
  const Values = type.ArrayType as unknown as { new (length: number): { [index: number]: number | bigint } }
  const data = new Values(values.length)
  values.forEach((value, index) => {
    if (value === null) return
    data[index] = typeof value === 'number' || typeof value === 'bigint' ? value : countOf(value)
  })
  return arrow.makeData({ type: type as unknown as Arrow.Int, ...base, data: data as never })
}

function countOf(value: unknown): number | bigint {
  const wrapped = value as { days?: number; micros?: bigint; seconds?: bigint; millis?: bigint; nanos?: bigint }
  const count = wrapped.days ?? wrapped.micros ?? wrapped.seconds ?? wrapped.millis ?? wrapped.nanos
  if (count === undefined) throw new TypeError(`a DuckDB value without a count: ${String(value)}`)
  return count
}
