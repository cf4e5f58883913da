import type { DataFile } from '@phlo/iceberg'
import { type ObjectStore, PhloError, type TableMetadata } from '@phlo/ports'
import path from 'node:path'
import type { StagedFile } from './copied-files.js'

/** Moves staged files into the table's data folder. The files are durable afterwards, and not yet part of the table. */
export async function storeFiles(
  store: ObjectStore,
  metadata: TableMetadata,
  files: readonly StagedFile[],
): Promise<DataFile[]> {
  const folder = tableFolder(store, metadata)
  return Promise.all(
    files.map(async ({ path: local, file }) => {
      const key = `${folder}/data/${path.basename(local)}`
      await store.putFile(key, local)
      return { ...file, path: store.uri(key) }
    }),
  )
}

/** The key of the table's folder. Throws PHLO_ICEBERG_INVALID when it lies elsewhere. */
export function tableFolder(store: ObjectStore, metadata: TableMetadata): string {
  const folder = store.key(metadata.location)
  if (folder !== undefined) return folder
  throw new PhloError('PHLO_ICEBERG_INVALID', `The table's location ${metadata.location} is outside the store`, {
    hint: 'Only tables whose files lie in the profile’s own storage can be written.',
  })
}
