import { type ByteRange, type ObjectStore, PhloError } from '@phlo/ports'

/** The store's key of a file or folder that metadata names. Throws PHLO_ICEBERG_INVALID when it lies outside the store. */
export function objectKey(store: ObjectStore, location: string): string {
  const key = store.key(location)
  if (key === undefined) {
    throw new PhloError('PHLO_ICEBERG_INVALID', `The table's metadata names what lies outside the store: ${location}`, {
      hint: 'Only tables whose files lie in the profile’s own storage can be read or written.',
    })
  }
  return key
}

/**
 * The bytes of a file that metadata names, or those of a range.
 * Throws PHLO_ICEBERG_INVALID when it lies outside the store, PHLO_OBJECT_NOT_FOUND when it is not there.
 */
export async function readObject(store: ObjectStore, location: string, range?: ByteRange): Promise<Uint8Array> {
  const object = await store.get(objectKey(store, location), { ...(range && { range }), immutable: true })
  if (!object) throw objectMissing(location)
  return object.bytes
}

/** Metadata names a file that is not there. */
export function objectMissing(location: string): PhloError {
  return new PhloError('PHLO_OBJECT_NOT_FOUND', `The table's metadata names a file that is not there: ${location}`)
}
