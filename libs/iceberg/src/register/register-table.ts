import { type ObjectStore, PhloError, type TableMetadata } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { parseMetadata } from '../metadata/metadata-file.js'
import { readObject } from '../read-object.js'

/** A table that exists, and the metadata file that says so. */
export interface FoundTable {
  readonly metadata: TableMetadata
  /** URI. */
  readonly metadataLocation: string
}

const metadataFile = /(?:^|\/)v?(\d+)(?:-[^/]*)?(?:\.gz)?\.metadata\.json(?:\.gz)?$/

/**
 * Reads an existing table by the URI of its metadata file, or of its folder, whose newest metadata file counts then.
 * The table's own folder has to be in the store, as it is there that new commits are written.
 *
 * Throws PHLO_TABLE_NOT_FOUND, PHLO_ICEBERG_INVALID, PHLO_ICEBERG_UNSUPPORTED, and PHLO_UNSUPPORTED for a table that lies
 * outside the store or whose newest metadata file cannot be told.
 */
export async function findTable(store: ObjectStore, uri: string): Promise<FoundTable> {
  const key = store.key(uri.replace(/\/+$/, ''))
  if (key === undefined) throw outside(`${uri} is outside the store`)
  const metadataLocation = store.uri(metadataFile.test(key) ? key : await newestMetadata(store, key))
  const metadata = parseMetadata(await readObject(store, metadataLocation), metadataLocation)
  if (store.key(metadata.location.replace(/\/+$/, '')) === undefined)
    throw outside(`The table's folder ${metadata.location} is outside the store`)
  for (const snapshot of metadata.snapshots ?? []) {
    const list = snapshot['manifest-list']
    if (list !== undefined && store.key(list) === undefined)
      throw outside(`Snapshot ${snapshot['snapshot-id']} of the table has its files outside the store: ${list}`)
  }
  return { metadata, metadataLocation }
}

async function newestMetadata(store: ObjectStore, folder: string): Promise<string> {
  let newest: { key: string; version: number } | undefined
  let twice = false
  for await (const { key } of store.list(`${folder}/metadata/`)) {
    const version = Number(metadataFile.exec(key)?.[1] ?? Number.NaN)
    if (Number.isNaN(version) || version < (newest?.version ?? 0)) continue
    twice = version === newest?.version
    newest = { key, version }
  }
  if (!newest) throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no Iceberg table in ${store.uri(folder)}`)
  if (twice) {
    throw invalid(store.uri(folder), `has two metadata files of version ${newest.version}: name the right one`)
  }
  return newest.key
}

function outside(message: string): PhloError {
  return new PhloError('PHLO_UNSUPPORTED', message, {
    hint: 'Only tables whose files lie in the profile’s own storage can be registered.',
  })
}
