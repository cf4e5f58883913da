import type { ObjectInfo } from '@phlo/ports'
import { type CollectionOptions, safetyAgeOf } from './collection-options.js'
import type { Lake } from './lake.js'
import { historicFolders } from './lake-history.js'
import { ReachableLake } from './reachable-lake.js'
import { sweptFolders } from './swept-folders.js'

/** What a collection did. */
export interface CollectionResult {
  /** Files of tables that were looked at. */
  readonly examined: number
  readonly deleted: number
  /** Bytes of the deleted files. */
  readonly bytes: number
  /** Files that nothing leads to and that are too young to judge. */
  readonly young: number
  /** The catalog's own objects that were deleted: commits that no ref leads to. */
  readonly catalogObjects: number
  /** Files that the store did not delete; the next collection finds them. */
  readonly failed: number
  /** The store's first refusal. */
  readonly failure?: unknown
}

export interface CollectionProgress {
  readonly examined: number
  readonly deleted: number
  readonly bytes: number
}

/** Files between two looks at the refs. */
const batchSize = 1000

/**
 * Deletes the files that no branch, no tag and no past state within the retention leads to. Before every batch the refs
 * are looked at again, so that commits made meanwhile keep what they name; what they wrote themselves is too young to go.
 * An interruption leaves a lake that reads, with garbage that the next collection finds: nothing is remembered between
 * two.
 *
 * A commit beyond the retention that no ref names promises nothing: a branch that is made from it may find files gone.
 *
 * Throws PHLO_OBJECT_NOT_FOUND where a present state of a ref has lost a file (nothing is deleted then), and
 * PHLO_MAINTENANCE_REFUSED for a safety age below one hour.
 */
export async function collectGarbage(
  lake: Lake,
  options: CollectionOptions,
  onProgress: (progress: CollectionProgress) => void = () => undefined,
): Promise<CollectionResult> {
  const { catalog, store } = lake
  const now = options.now ?? Date.now()
  const old = new Date(now - safetyAgeOf(options))
  const needed = new ReachableLake(lake, options.retention, now)
  await needed.update()
  const done = { examined: 0, deleted: 0, bytes: 0, young: 0, catalogObjects: 0, failed: 0 }
  let failure: unknown
  const remove = async (batch: readonly ObjectInfo[]): Promise<number> => {
    try {
      await store.delete(batch.map(({ key }) => key))
    } catch (error) {
      failure ??= error
      done.failed += batch.length
      return 0
    }
    for (const { size } of batch) done.bytes += size
    return batch.length
  }
  const removeFiles = async (batch: readonly ObjectInfo[]) => {
    await needed.update()
    done.deleted += await remove(batch.filter(({ key }) => !needed.files.reasonFor(key)))
    onProgress(done)
  }
  for (const folder of sweptFolders(lake, needed, await historicFolders(lake))) {
    for await (const batch of batches(store.list(folder), (info) => {
      done.examined++
      if (needed.files.reasonFor(info.key)) return false
      if (info.modified < old) return true
      done.young++
      return false
    }))
      await removeFiles(batch)
  }
  const since = new Date(now - longestHistory(options))
  for await (const batch of batches(catalog.unreachableObjects({ olderThan: old, since }), () => true))
    done.catalogObjects += await remove(batch)
  return { ...done, ...(failure !== undefined && { failure }) }
}

function longestHistory({ retention }: CollectionOptions): number {
  return Math.max(retention.history, ...(retention.branches ?? []).map(({ history }) => history))
}

async function* batches(
  items: AsyncIterable<ObjectInfo>,
  wanted: (item: ObjectInfo) => boolean,
): AsyncGenerator<ObjectInfo[]> {
  let batch: ObjectInfo[] = []
  for await (const item of items) {
    if (!wanted(item)) continue
    batch.push(item)
    if (batch.length < batchSize) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
