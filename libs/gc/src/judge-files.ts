import type { CollectionOptions } from './collection-options.js'
import { safetyAgeOf } from './collection-options.js'
import type { Lake } from './lake.js'
import { addFolder, lakeHistory } from './lake-history.js'
import { ReachableFiles, type FileReason } from './reachable-files.js'
import { ReachableLake } from './reachable-lake.js'
import { sweptFolders } from './swept-folders.js'

/** Whether a file of the lake stays, and why. */
export type FileJudgement = { readonly key: string; readonly size: number; readonly modified: Date } & (
  | { readonly keep: true; readonly why: 'needed'; readonly reason: FileReason }
  /** Nothing leads to it, and a commit that is being made may come to. */
  | { readonly keep: true; readonly why: 'young' }
  /** A past state of a table, which the retention no longer keeps, leads to it. */
  | { readonly keep: false; readonly why: 'expired'; readonly reason: FileReason }
  /** A state of a table leads to it that no ref has in its history: of a deleted branch, of a commit that never was. */
  | { readonly keep: false; readonly why: 'unnamed'; readonly reason: FileReason }
  /** Nothing leads to it: it was written for a commit that was not made. */
  | { readonly keep: false; readonly why: 'unused' }
)

/**
 * Says of every file in the lake's folders whether a collection would keep it, and why, in order of their keys within a
 * folder. Reads metadata of every state that the refs' whole history names; writes nothing.
 *
 * Throws PHLO_OBJECT_NOT_FOUND where a present state of a ref has lost a file, PHLO_MAINTENANCE_REFUSED for a safety age
 * below one hour.
 */
export async function* judgeFiles(lake: Lake, options: CollectionOptions): AsyncGenerator<FileJudgement> {
  const now = options.now ?? Date.now()
  const young = now - safetyAgeOf(options)
  const needed = new ReachableLake(lake, options.retention, now)
  await needed.update()
  const { past, pastFolders } = await history(lake)
  const folders = sweptFolders(lake, needed, pastFolders)
  const unnamed = await unnamedFiles(lake, folders, needed.files, past)
  for (const folder of folders) {
    for await (const { key, size, modified } of lake.store.list(folder)) {
      const file = { key, size, modified }
      const reason = needed.files.reasonFor(key)
      if (reason) yield { ...file, keep: true, why: 'needed', reason }
      else if (modified.getTime() >= young) yield { ...file, keep: true, why: 'young' }
      else yield { ...file, keep: false, ...whyGone(key, past, unnamed) }
    }
  }
}

function whyGone(key: string, past: ReachableFiles, unnamed: ReachableFiles) {
  const expired = past.reasonFor(key)
  if (expired) return { why: 'expired', reason: expired } as const
  const reason = unnamed.reasonFor(key)
  return reason ? ({ why: 'unnamed', reason } as const) : ({ why: 'unused' } as const)
}

/** What the whole history of the refs leads to, as far as it is still there, and the folders of its tables. */
async function history(lake: Lake): Promise<{ past: ReachableFiles; pastFolders: ReadonlySet<string> }> {
  const past = new ReachableFiles(lake.store)
  const pastFolders = new Set<string>()
  for await (const { ref, state } of lakeHistory(lake)) {
    addFolder(pastFolders, lake, state)
    await past.addState(ref, { ...state, current: false })
  }
  return { past, pastFolders }
}

const metadataFile = /^(.*)\/metadata\/[^/]+\.metadata\.json(?:\.gz)?$/

/** What metadata files lead to that no ref's history names. */
async function unnamedFiles(
  { store }: Lake,
  folders: readonly string[],
  ...named: readonly ReachableFiles[]
): Promise<ReachableFiles> {
  const files = new ReachableFiles(store)
  for (const folder of folders) {
    for await (const { key } of store.list(folder)) {
      const table = metadataFile.exec(key)?.[1]
      if (table !== undefined && named.every((some) => !some.reasonFor(key)))
        await files.addUnnamed(store.uri(key), table)
    }
  }
  return files
}
