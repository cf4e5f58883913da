import type { ObjectStore, TableMetadata } from '@phlo/ports'
import { metadataEndings } from '../metadata/metadata-file.js'
import { booleanProperty } from '../metadata/properties.js'
import { keptPreviousVersions } from '../metadata/updates.js'

/** Every so many versions the folder is looked through for what earlier writers left. */
const sweepEvery = 100
/** A writer reads the table again when it has waited longer than this before its commit. Milliseconds. */
export const longestWait = 60 * 60 * 1000
/** The number of an emptied version stays taken for as long: no writer is nearly so slow. Milliseconds. */
const takenFor = 24 * longestWait

/** The version's number in the name of a metadata file; `prefix` is all before it. */
export function versionOf(key: string, prefix: string): number | undefined {
  const number = /^(\d{1,15})(\.gz)?\.metadata\.json(\.gz)?$/.exec(key.slice(prefix.length))?.[1]
  return number === undefined ? undefined : Number(number)
}

/**
 * Does away with metadata files that have fallen out of the newest version's `metadata-log`, where the table asks for it.
 * They are emptied first: were they deleted at once, a writer that began long ago could take the number of one for its
 * own commit, which nobody would see. A day later they go. It never throws: the commit has happened.
 *
 * Spec: table properties `write.metadata.delete-after-commit.enabled` and `write.metadata.previous-versions-max`.
 */
export async function emptyOldVersions(
  store: ObjectStore,
  prefix: string,
  { number, metadata }: { readonly number: number; readonly metadata: TableMetadata },
): Promise<void> {
  if (!booleanProperty(metadata, 'write.metadata.delete-after-commit.enabled', false)) return
  const oldest = number - keptPreviousVersions(metadata)
  try {
    if (number % sweepEvery === 0) await sweep(store, prefix, oldest)
    else if (oldest > 1) {
      for (const ending of Object.values(metadataEndings)) {
        const info = await store.head(`${prefix}${oldest - 1}${ending}`)
        if (info && info.size > 0) await store.put(info.key, new Uint8Array(), { ifMatch: info.version })
      }
    }
  } catch {
    // What is left is found by a later sweep.
  }
}

async function sweep(store: ObjectStore, prefix: string, oldest: number): Promise<void> {
  const gone: string[] = []
  for await (const { key, size, version, modified } of store.list(prefix)) {
    if ((versionOf(key, prefix) ?? oldest) >= oldest) continue
    if (size > 0) await store.put(key, new Uint8Array(), { ifMatch: version })
    else if (modified.getTime() < Date.now() - takenFor) gone.push(key)
  }
  if (gone.length > 0) await store.delete(gone)
}
