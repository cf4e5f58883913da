import { magic, type PuffinBlob, serializeFooter } from './puffin-footer.js'

/** A blob to write; where it lies is up to the file. */
export type NewPuffinBlob = Omit<PuffinBlob, 'offset' | 'length' | 'compression-codec'> & { readonly bytes: Uint8Array }

/** A Puffin file that is ready to be stored. */
export interface NewPuffinFile {
  readonly bytes: Uint8Array
  /** Bytes from the footer's magic to the end. */
  readonly footerSize: number
  /** The blobs in the order given, with their places. */
  readonly blobs: readonly PuffinBlob[]
}

/** A Puffin file of these blobs, uncompressed as deletion vectors have to be. Spec: "Puffin", "File structure". */
export function writePuffin(
  blobs: readonly NewPuffinBlob[],
  properties?: Readonly<Record<string, string>>,
): NewPuffinFile {
  let offset = magic.length
  const placed = blobs.map(({ bytes, properties: own, ...blob }): PuffinBlob => {
    const at = { ...blob, offset, length: bytes.length, ...(own && { properties: own }) }
    offset += bytes.length
    return at
  })
  const footer = serializeFooter({ blobs: placed, ...(properties && { properties }) })
  return {
    bytes: Buffer.concat([magic, ...blobs.map(({ bytes }) => bytes), footer]),
    footerSize: footer.length,
    blobs: placed,
  }
}
