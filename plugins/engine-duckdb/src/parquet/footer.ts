import { open } from 'node:fs/promises'
import { PhloError } from '@phlo/ports'
import { CompactReader, thriftType, zigzag } from './compact-reader.js'

/** A column of a Parquet file's schema, or a group of some. */
export interface SchemaElement {
  readonly fieldId?: number
  /** Thrift's compact form of the union `LogicalType`. */
  readonly logicalType?: Uint8Array
}

/** The logical type that an element is to have, in Thrift's compact form; `undefined` leaves it as it is. */
type LogicalTypeOf = (element: SchemaElement) => Uint8Array | undefined

/** No footer of a file that somebody can read is larger. */
const mostBytes = 512 * 1024 * 1024
const magic = 'PAR1'

/**
 * Changes the logical types of a local Parquet file's columns in the file itself, and gives its size afterwards. Pages stay
 * where they are, as nothing but the footer behind them is written. Throws PHLO_ICEBERG_INVALID for what is no Parquet file.
 */
export async function changeLogicalTypes(file: string, logicalTypeOf: LogicalTypeOf): Promise<number> {
  const handle = await open(file, 'r+')
  try {
    const { size } = await handle.stat()
    const tail = Buffer.alloc(8)
    if (size < 12) throw damaged(file)
    await handle.read(tail, 0, 8, size - 8)
    const length = tail.readUInt32LE(0)
    if (tail.toString('latin1', 4) !== magic || length > size - 12 || length > mostBytes) throw damaged(file)
    const footer = Buffer.alloc(length)
    const start = size - 8 - length
    await handle.read(footer, 0, length, start)
    const changed = withLogicalTypes(footer, logicalTypeOf)
    tail.writeUInt32LE(changed.length, 0)
    await handle.write(Buffer.concat([changed, tail]), 0, changed.length + 8, start)
    await handle.truncate(start + changed.length + 8)
    return start + changed.length + 8
  } finally {
    await handle.close()
  }
}

function damaged(file: string): PhloError {
  return new PhloError('PHLO_ICEBERG_INVALID', `${file} is no whole Parquet file`)
}

/** Ids of fields in Parquet's Thrift definitions. */
const schemaField = 2
const fieldIdField = 9
const logicalTypeField = 10

/** A footer with other logical types. Throws PHLO_ICEBERG_INVALID. */
export function withLogicalTypes(footer: Uint8Array, logicalTypeOf: LogicalTypeOf): Buffer {
  const reader = new CompactReader(footer)
  const parts: Uint8Array[] = []
  let copied = 0
  const replace = (from: number, to: number, bytes: Uint8Array) => {
    parts.push(footer.subarray(copied, from), bytes)
    copied = to
  }
  reader.struct((id, type) => {
    if (id !== schemaField || type !== thriftType.list) return reader.skip(type)
    const { size, type: element } = reader.listHeader()
    if (element !== thriftType.struct) throw reader.invalid('a schema that is no list of elements')
    for (let index = 0; index < size; index++) readElement(reader, footer, logicalTypeOf, replace)
  })
  return Buffer.concat([...parts, footer.subarray(copied)])
}

function readElement(
  reader: CompactReader,
  footer: Uint8Array,
  logicalTypeOf: LogicalTypeOf,
  replace: (from: number, to: number, bytes: Uint8Array) => void,
): void {
  let fieldId: number | undefined
  let logicalType: { readonly from: number; readonly to: number } | undefined
  let last = 0
  reader.struct((id, type) => {
    last = id
    if (id === fieldIdField && type === thriftType.i32) fieldId = zigzag(reader.varint())
    else {
      const from = reader.position
      reader.skip(type)
      if (id === logicalTypeField) logicalType = { from, to: reader.position }
    }
  })
  const known = logicalType as { readonly from: number; readonly to: number } | undefined
  const wanted = logicalTypeOf({
    ...(fieldId !== undefined && { fieldId }),
    ...(known && { logicalType: footer.subarray(known.from, known.to) }),
  })
  if (!wanted) return
  if (known) return replace(known.from, known.to, wanted)
  if (last >= logicalTypeField) throw reader.invalid('an element of a later version')
  // Where the element ends: before the byte that says so.
  const end = reader.position - 1
  const header = Uint8Array.of(((logicalTypeField - last) << 4) | thriftType.struct)
  replace(end, end, Buffer.concat([header, wanted]))
}
