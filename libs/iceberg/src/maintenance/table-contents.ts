import { isPhloError, type ObjectStore, type Snapshot, type TableMetadata } from '@phlo/ports'
import { entryStatus, fileContent, type ManifestFile } from '../manifest/data-file.js'
import { TableFiles } from '../manifest/table-files.js'

export type TableFileKind = 'data' | 'deletes' | 'manifest' | 'manifest list' | 'statistics' | 'orphan'

/** A file that belongs to a table. */
export interface TableFile {
  readonly kind: TableFileKind
  /** URI. */
  readonly path: string
  /** Bytes, where what names the file tells. */
  readonly size?: number
}

/** Reading paths needs no statistics. */
const pathsOnly = { statistics: new Set<number>() }

/** How many manifest lists are read at the same time. */
const parallelReads = 8

/** The manifests of the snapshots by their paths, each once. With `lenient`, lists that are gone already count as empty. */
async function manifestsOf(
  files: TableFiles,
  snapshots: readonly Snapshot[],
  lenient = false,
): Promise<Map<string, ManifestFile>> {
  const manifests = new Map<string, ManifestFile>()
  for (let start = 0; start < snapshots.length; start += parallelReads) {
    const lists = await Promise.all(
      snapshots.slice(start, start + parallelReads).map(async (snapshot) => {
        try {
          return await files.manifests(snapshot)
        } catch (error) {
          if (lenient && isPhloError(error, 'PHLO_OBJECT_NOT_FOUND')) return []
          throw error
        }
      }),
    )
    for (const manifest of lists.flat()) manifests.set(manifest.path, manifest)
  }
  return manifests
}

/** The data and delete files that manifests hold alive, one at a time; some more than once. */
export async function* liveFiles(
  files: TableFiles,
  manifests: Iterable<ManifestFile>,
  lenient = false,
): AsyncGenerator<TableFile> {
  for (const manifest of manifests) {
    if (manifest.addedFiles === 0 && manifest.existingFiles === 0) continue
    try {
      for await (const { status, file } of files.entries(manifest, pathsOnly)) {
        if (status === entryStatus.deleted) continue
        yield { kind: file.content === fileContent.data ? 'data' : 'deletes', path: file.path, size: file.fileSize }
      }
    } catch (error) {
      if (!(lenient && isPhloError(error, 'PHLO_OBJECT_NOT_FOUND'))) throw error
    }
  }
}

/** The files that the metadata itself names for its snapshots: manifest lists and statistics. */
export function snapshotFiles(metadata: TableMetadata): TableFile[] {
  const lists = (metadata.snapshots ?? []).flatMap(({ 'manifest-list': path }) =>
    path === undefined ? [] : [{ kind: 'manifest list' as const, path }],
  )
  const statistics = [...(metadata.statistics ?? []), ...(metadata['partition-statistics'] ?? [])].map((file) => ({
    kind: 'statistics' as const,
    path: file['statistics-path'],
    size: file['file-size-in-bytes'],
  }))
  return [...lists, ...statistics]
}

/**
 * The files that `before` needs and `after`, a later state of the same table, does not: those that nobody reaches any
 * more. Files named by metadata (data files first, lists last) come one at a time; at most `batch` of their paths are
 * held in memory.
 */
export async function* filesOnlyOf(
  store: ObjectStore,
  before: TableMetadata,
  after: TableMetadata,
  batch = 200_000,
): AsyncGenerator<TableFile> {
  const key = (path: string) => store.key(path) ?? path
  const stays = new Set((after.snapshots ?? []).map((snapshot) => snapshot['snapshot-id']))
  const gone = (before.snapshots ?? []).filter((snapshot) => !stays.has(snapshot['snapshot-id']))
  const keptFiles = new TableFiles(store, after)
  const goneFiles = new TableFiles(store, before)
  const kept = await manifestsOf(keptFiles, after.snapshots ?? [])
  const keptKeys = new Set([...kept.keys()].map(key))
  // What an interrupted run or another program removed already cannot name anything.
  const left = [...(await manifestsOf(goneFiles, gone, true)).values()].filter(({ path }) => !keptKeys.has(key(path)))
  let candidates = new Map<string, TableFile>()
  const unreached = async () => {
    for await (const file of liveFiles(keptFiles, kept.values())) candidates.delete(key(file.path))
    const found = [...candidates.values()]
    candidates = new Map()
    return found
  }
  for await (const file of liveFiles(goneFiles, left, true)) {
    candidates.set(key(file.path), file)
    if (candidates.size >= batch) yield* await unreached()
  }
  if (candidates.size > 0) yield* await unreached()
  for (const { path, length } of left) yield { kind: 'manifest', path, size: length }
  const named = new Set(snapshotFiles(after).map(({ path }) => key(path)))
  for (const file of snapshotFiles(before)) if (!named.has(key(file.path))) yield file
}
