import { type DataFile, entryStatus, type ManifestEntry, type ManifestFile } from '../manifest/data-file.js'
import { readManifest } from '../manifest/manifest-reader.js'
import type { NewManifestEntry } from '../manifest/manifest.js'
import type { TableFiles } from '../manifest/table-files.js'
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

/** Writes the manifest anew with the leaving files marked as deleted, if there are any. */
export async function filterManifest(
  files: TableFiles,
  manifest: ManifestFile,
  leaving: LeavingFiles,
  writer: ManifestWriter,
  snapshotId: bigint,
): Promise<FilteredManifest> {
  const mayHold = leaving.mayHold(manifest)
  if (mayHold === 'no') return { manifest, removed: [] }
  const spec = files.spec(manifest.specId)
  const bytes = await readObject(files.store, manifest.path)
  const leaves = ({ status, file, sequenceNumber }: ManifestEntry) =>
    status !== entryStatus.deleted && leaving.matches(file, sequenceNumber, manifest)
  // Most manifests lose nothing, and need not be decoded whole to know.
  if (mayHold === 'paths' && !some(readManifest(bytes, manifest, spec, paths), leaves)) return { manifest, removed: [] }
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
