import { type DataFile, entryStatus, type ManifestEntry, type ManifestFile } from '../manifest/data-file.js'
import { readManifest } from '../manifest/manifest-reader.js'
import type { NewManifestEntry } from '../manifest/manifest.js'
import { readAhead } from '../manifest/read-ahead.js'
import { manifestsAhead, type TableFiles } from '../manifest/table-files.js'
import { readObject } from '../read-object.js'
import { deleteColumnIds } from '../scan/delete-index.js'
import type { LeavingFiles } from './leaving-files.js'
import type { ManifestWriter } from './manifest-writer.js'

/** A manifest of the snapshot before, as the new one has it. */
export interface FilteredManifest {
  /** The same one when no file leaves it. */
  readonly manifest: ManifestFile
  readonly removed: readonly DataFile[]
}

/** Statistics that tell which data file position deletes are about. */
const paths = { statistics: new Set([deleteColumnIds.path]) }

/**
 * The manifests in their order, written anew with the leaving files marked as deleted where there are any. Those that may
 * hold one are fetched a few at a time. What `known` has by path is taken from there, and put there.
 */
export async function filterManifests(
  files: TableFiles,
  manifests: readonly ManifestFile[],
  leaving: LeavingFiles,
  output: { readonly writer: ManifestWriter; readonly snapshotId: bigint },
  known = new Map<string, FilteredManifest>(),
): Promise<FilteredManifest[]> {
  const fetched = readAhead(manifests, manifestsAhead, async (manifest) => {
    const needed = !known.has(manifest.path) && leaving.mayHold(manifest) !== 'no'
    return { manifest, bytes: needed ? await readObject(files.store, manifest.path) : undefined }
  })
  const filtered: FilteredManifest[] = []
  for await (const { manifest, bytes } of fetched) {
    const same: FilteredManifest = { manifest, removed: [] }
    const result =
      known.get(manifest.path) ?? (bytes ? await filterManifest(files, manifest, bytes, leaving, output) : same)
    known.set(manifest.path, result)
    filtered.push(result)
  }
  return filtered
}

async function filterManifest(
  files: TableFiles,
  manifest: ManifestFile,
  bytes: Uint8Array,
  leaving: LeavingFiles,
  { writer, snapshotId }: { readonly writer: ManifestWriter; readonly snapshotId: bigint },
): Promise<FilteredManifest> {
  const spec = files.spec(manifest.specId)
  const leaves = ({ status, file, sequenceNumber }: ManifestEntry) =>
    status !== entryStatus.deleted && leaving.matches(file, sequenceNumber, manifest)
  // Most manifests lose nothing, and need not be decoded whole to know.
  const mayBeNone = leaving.mayHold(manifest) === 'paths'
  if (mayBeNone && !some(readManifest(bytes, manifest, spec, paths), leaves)) return { manifest, removed: [] }
  const entries: NewManifestEntry[] = []
  const removed: DataFile[] = []
  for (const entry of readManifest(bytes, manifest, spec)) {
    if (entry.status === entryStatus.deleted) continue
    if (leaves(entry)) {
      removed.push(entry.file)
      entries.push({ ...entry, status: entryStatus.deleted, snapshotId })
    } else entries.push({ ...entry, status: entryStatus.existing })
  }
  if (removed.length === 0) return { manifest, removed }
  const content = manifest.content === 0 ? 'data' : 'deletes'
  return { manifest: await writer.write(files.metadata, manifest.specId, content, entries), removed }
}

function some<T>(items: Iterable<T>, test: (item: T) => boolean): boolean {
  for (const item of items) if (test(item)) return true
  return false
}
