import { isPhloError, type ObjectStore, type TableMetadata } from '@phlo/ports'
import { TableFiles } from '../manifest/table-files.js'
import { readAhead } from '../manifest/read-ahead.js'
import { liveFiles, snapshotFiles, type TableFile } from './table-contents.js'

/** A file that a state of a table leads to. */
export interface ReachedFile extends TableFile {
  /** A snapshot that reads it; none for statistics. */
  readonly snapshotId?: bigint
}

/** How many manifest lists are fetched at the same time. */
const listsAhead = 8

/**
 * Every file that a state of a table leads to: statistics, and for each snapshot its manifest list, manifests, and the
 * files that they hold alive. What a list or manifest leads to is given only when `isFresh` says so of its path, so that a
 * caller who looks at many states of a table reads each file once. With `lenient`, lists and manifests that are gone lead
 * to nothing. Throws PHLO_OBJECT_NOT_FOUND otherwise.
 */
export async function* reachedFiles(
  store: ObjectStore,
  metadata: TableMetadata,
  isFresh: (path: string, snapshotId: bigint) => boolean,
  lenient = false,
): AsyncGenerator<ReachedFile> {
  for (const file of snapshotFiles(metadata)) if (file.kind === 'statistics') yield file
  const files = new TableFiles(store, metadata)
  const snapshots = (metadata.snapshots ?? []).filter(
    ({ 'manifest-list': list, 'snapshot-id': id }) => list === undefined || isFresh(list, id),
  )
  const lists = readAhead(snapshots, listsAhead, async (snapshot) => {
    try {
      return { snapshot, manifests: await files.manifests(snapshot) }
    } catch (error) {
      if (lenient && isPhloError(error, 'PHLO_OBJECT_NOT_FOUND')) return { snapshot, manifests: [] }
      throw error
    }
  })
  for await (const { snapshot, manifests } of lists) {
    const snapshotId = snapshot['snapshot-id']
    const list = snapshot['manifest-list']
    if (list !== undefined) yield { kind: 'manifest list', path: list, snapshotId }
    const fresh = manifests.filter(({ path }) => isFresh(path, snapshotId))
    for (const { path, length } of fresh) yield { kind: 'manifest', path, size: length, snapshotId }
    for await (const file of liveFiles(files, fresh, lenient)) yield { ...file, snapshotId }
  }
}
