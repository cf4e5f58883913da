import type { ObjectStore } from '@phlo/ports'
import type { TableFile, TableFileKind } from './table-contents.js'

/** What became of files that were to be deleted. */
export interface RemovedFiles {
  readonly deleted: Readonly<Partial<Record<TableFileKind, number>>>
  /** Bytes of the deleted files, as far as known. */
  readonly bytes: number
  /** Files outside the store, which nobody but their owner may delete. */
  readonly outside: number
  /** Files that the store would not delete. Nothing refers to them: removal of orphans finds them later. */
  readonly failed: number
  /** The store's first refusal. */
  readonly failure?: unknown
}

const filesAtOnce = 1000

/**
 * Deletes files that nothing refers to. A refusal of the store is counted and does not stop the rest, since the commit
 * that made the files useless has happened already.
 */
export async function removeFiles(store: ObjectStore, files: AsyncIterable<TableFile>): Promise<RemovedFiles> {
  const deleted: Partial<Record<TableFileKind, number>> = {}
  const seen = { bytes: 0, outside: 0, failed: 0 }
  let failure: unknown
  let group: { key: string; file: TableFile }[] = []
  const flush = async () => {
    try {
      await store.delete(group.map(({ key }) => key))
      for (const { file } of group) {
        deleted[file.kind] = (deleted[file.kind] ?? 0) + 1
        seen.bytes += file.size ?? 0
      }
    } catch (error) {
      failure ??= error
      seen.failed += group.length
    }
    group = []
  }
  for await (const file of files) {
    const key = store.key(file.path)
    if (key === undefined) seen.outside++
    else group.push({ key, file })
    if (group.length >= filesAtOnce) await flush()
  }
  if (group.length > 0) await flush()
  return { deleted, ...seen, ...(failure !== undefined && { failure }) }
}
