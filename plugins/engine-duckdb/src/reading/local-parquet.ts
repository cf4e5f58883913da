import type { DataFile } from '@phlo/iceberg'
import { type ObjectStore, PhloError } from '@phlo/ports'

/**
 * A local path with the bytes of a Parquet file. Throws PHLO_ICEBERG_UNSUPPORTED for other formats and
 * PHLO_ICEBERG_INVALID for a path that leaves the store.
 */
export async function localParquet(store: ObjectStore, file: DataFile): Promise<string> {
  if (file.format.toUpperCase() !== 'PARQUET')
    throw new PhloError('PHLO_ICEBERG_UNSUPPORTED', `The file ${file.path} is ${file.format}, not Parquet`)
  const key = store.key(file.path)
  if (key === undefined)
    throw new PhloError('PHLO_ICEBERG_INVALID', `The file ${file.path} is outside the store`, {
      hint: 'Only tables whose files lie in the profile’s own storage can be read.',
    })
  return store.localFile(key)
}
