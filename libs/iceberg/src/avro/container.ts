import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { deflateRaw, inflateRawSync } from 'node:zlib'
import { invalid, unsupported } from '../invalid.js'
import { type AvroSchema, parseAvroSchema } from './avro-schema.js'
import { ByteReader } from './byte-reader.js'
import { ByteWriter } from './byte-writer.js'

/** Avro object container files. Source: Avro 1.11.1 specification, "Object Container Files". */

const magic = Buffer.from('Obj\u0001', 'latin1')
const syncSize = 16
/** Blocks of about this many bytes before compression, as Avro's own writers make them. */
const blockSize = 64 * 1024
/** No block of a manifest is larger; a longer one is a decompression bomb. */
const largestBlock = 256 * 1024 * 1024

const deflate = promisify(deflateRaw)

export interface ContainerHeader {
  readonly schema: AvroSchema
  readonly metadata: ReadonlyMap<string, string>
}

/** Writes a container with deflate. `write` encodes the item at an index. */
export async function writeContainer(
  schema: AvroSchema,
  metadata: Readonly<Record<string, string>>,
  count: number,
  write: (writer: ByteWriter, index: number) => void,
): Promise<Buffer> {
  const sync = randomBytes(syncSize)
  const header = new ByteWriter()
  header.fixed(magic)
  const entries = Object.entries({ ...metadata, 'avro.schema': JSON.stringify(schema), 'avro.codec': 'deflate' })
  header.long(entries.length)
  for (const [key, value] of entries) {
    header.string(key)
    header.bytes(Buffer.from(value, 'utf8'))
  }
  header.long(0)
  header.fixed(sync)
  const parts: Buffer[] = [header.finish()]
  let index = 0
  while (index < count) {
    const block = new ByteWriter(blockSize + 1024)
    const first = index
    while (index < count && block.length < blockSize) write(block, index++)
    const data = await deflate(block.finish())
    const prefix = new ByteWriter(20)
    prefix.long(index - first)
    prefix.long(data.length)
    parts.push(prefix.finish(), data, sync)
  }
  return Buffer.concat(parts)
}

/** The header of a container and its decompressed blocks, one at a time. Throws PHLO_ICEBERG_INVALID. */
export function openContainer(
  bytes: Uint8Array,
  what: string,
): { header: ContainerHeader; blocks: Generator<{ count: number; reader: ByteReader }> } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const reader = new ByteReader(buffer, what)
  if (reader.remaining < magic.length || !reader.fixed(magic.length).equals(magic))
    throw invalid(what, 'is no Avro container file')
  const metadata = new Map<string, string>()
  for (;;) {
    let count = reader.long()
    if (count === 0) break
    if (count < 0) {
      count = -count
      reader.skipLong()
    }
    for (let index = 0; index < count; index++) metadata.set(reader.string(), reader.bytes().toString('utf8'))
  }
  const sync = Buffer.from(reader.fixed(syncSize))
  const schema = parseAvroSchema(metadata.get('avro.schema') ?? '', what)
  const codec = metadata.get('avro.codec') ?? 'null'
  if (codec !== 'null' && codec !== 'deflate') throw unsupported(`Avro codec ${codec} of ${what}`)
  return { header: { schema, metadata }, blocks: readBlocks(reader, codec, sync, what) }
}

function* readBlocks(
  reader: ByteReader,
  codec: 'null' | 'deflate',
  sync: Buffer,
  what: string,
): Generator<{ count: number; reader: ByteReader }> {
  while (reader.remaining > 0) {
    const count = reader.long()
    const data = reader.bytes()
    if (!reader.fixed(syncSize).equals(sync)) throw invalid(what, 'lacks a sync marker after a block')
    const block = new ByteReader(codec === 'null' ? data : inflate(data, what), what)
    // Every item takes at least a byte, so a larger count is a lie that would cost unbounded work.
    if (count < 0 || count > block.remaining)
      throw invalid(what, `claims ${count} items in a block of ${block.remaining} bytes`)
    yield { count, reader: block }
  }
}

function inflate(data: Buffer, what: string): Buffer {
  try {
    // Room for the whole of an ordinary block at once, and no more than that for one of a single entry.
    const chunkSize = Math.min(Math.max(data.length * 8, 1024), 2 * blockSize)
    return inflateRawSync(data, { maxOutputLength: largestBlock, chunkSize })
  } catch (error) {
    throw invalid(what, 'has a block that cannot be decompressed', error)
  }
}
