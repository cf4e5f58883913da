import { invalid, unsupported } from '../invalid.js'
import { parseJson, serializeJson } from '../metadata/json.js'
import { decompressLz4Frame } from './lz4-frame.js'

/** What a Puffin file says of one of its blobs. Spec: "Puffin", `BlobMetadata`. */
export interface PuffinBlob {
  /** One of {@link blobTypes}, or a type of another writer. */
  readonly type: string
  /** Ids of the fields that the blob was computed for, in the order in which it has them. */
  readonly fields: readonly number[]
  /** -1 when it was not known yet. */
  readonly 'snapshot-id': bigint
  /** -1 when it was not known yet. */
  readonly 'sequence-number': number
  /** Bytes from the start of the file. */
  readonly offset: number
  /** Bytes, after compression. */
  readonly length: number
  /** `lz4` or `zstd`; without it the blob is not compressed. */
  readonly 'compression-codec'?: string
  readonly properties?: Readonly<Record<string, string>>
}

/** What a Puffin file says of itself. Spec: "Puffin", `FileMetadata`. */
export interface PuffinMetadata {
  readonly blobs: readonly PuffinBlob[]
  readonly properties?: Readonly<Record<string, string>>
}

/** The kinds of blob that the specification knows. Spec: "Puffin", "Blob types". */
export const blobTypes = { thetaSketch: 'apache-datasketches-theta-v1', deletionVector: 'deletion-vector-v1' } as const

export const magic = Buffer.from('PFA1', 'latin1')
/** Payload size, flags and magic, after the payload. */
export const tailSize = 12
/** Flag bit: the payload is compressed. */
const compressedPayload = 1
/** No footer is larger once decompressed. */
const largestFooter = 64 * 1024 * 1024

/** How many bytes a footer takes, from its last twelve, in a file of `fileSize` bytes. Throws PHLO_ICEBERG_INVALID. */
export function footerSize(tail: Uint8Array, fileSize: number, what: string): number {
  const bytes = Buffer.from(tail.buffer, tail.byteOffset, tail.byteLength)
  if (bytes.length !== tailSize || !bytes.subarray(8).equals(magic)) throw invalid(what, 'is no Puffin file')
  const flags = bytes.readUInt32LE(4)
  if (flags !== 0 && flags !== compressedPayload)
    throw unsupported(`A Puffin footer with flags ${flags.toString(16)} in ${what}`)
  const payload = bytes.readInt32LE(0)
  const size = magic.length + payload + tailSize
  if (payload < 0 || magic.length + size > fileSize)
    throw invalid(what, `claims a footer of ${payload} bytes in a file of ${fileSize}`)
  return size
}

/** Reads a whole footer. Throws PHLO_ICEBERG_INVALID, also for blobs that lie outside the file. */
export function parseFooter(footer: Uint8Array, fileSize: number, what: string): PuffinMetadata {
  const bytes = Buffer.from(footer.buffer, footer.byteOffset, footer.byteLength)
  if (!bytes.subarray(0, magic.length).equals(magic)) throw invalid(what, 'has a footer that does not start with PFA1')
  const payload = bytes.subarray(magic.length, bytes.length - tailSize)
  const isCompressed = (bytes.readUInt32LE(bytes.length - tailSize + 4) & compressedPayload) !== 0
  const json = isCompressed ? Buffer.from(decompressLz4Frame(payload, largestFooter, what)) : payload
  const raw = parseJson(json.toString('utf8'), what)
  if (!isObject(raw) || !Array.isArray(raw['blobs'])) throw invalid(what, 'has a footer without a list of blobs')
  if (!isText(raw['properties'])) throw invalid(what, 'has a property that is no text')
  const end = fileSize - bytes.length
  for (const blob of raw['blobs'] as readonly unknown[]) checkBlob(blob, end, what)
  return raw as unknown as PuffinMetadata
}

function checkBlob(blob: unknown, end: number, what: string): void {
  if (!isObject(blob) || typeof blob['type'] !== 'string') throw invalid(what, 'has a blob without a type')
  const is = `blob ${JSON.stringify(blob['type']).slice(0, 60)}`
  const { fields, offset, length, 'compression-codec': codec = '' } = blob
  if (!Array.isArray(fields) || !fields.every((id: unknown) => Number.isSafeInteger(id)))
    throw invalid(what, `has a ${is} without field ids`)
  if (typeof blob['snapshot-id'] !== 'bigint' || !Number.isSafeInteger(blob['sequence-number']))
    throw invalid(what, `has a ${is} without snapshot or sequence number`)
  if (!isCount(offset) || !isCount(length) || offset < magic.length || offset + length > end)
    throw invalid(what, `has a ${is} that lies outside the file`)
  if (typeof codec !== 'string' || !isText(blob['properties']))
    throw invalid(what, `has a ${is} with a codec or a property that is no text`)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Absent, or an object of texts. */
function isText(properties: unknown): boolean {
  return (
    properties === undefined ||
    (isObject(properties) && Object.values(properties).every((value) => typeof value === 'string'))
  )
}

/** The bytes of an uncompressed footer. */
export function serializeFooter(metadata: PuffinMetadata): Buffer {
  const payload = Buffer.from(serializeJson(metadata), 'utf8')
  const tail = Buffer.alloc(tailSize)
  tail.writeInt32LE(payload.length, 0)
  magic.copy(tail, 8)
  return Buffer.concat([magic, payload, tail])
}
