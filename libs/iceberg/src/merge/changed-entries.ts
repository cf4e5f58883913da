import type { ObjectStore, Snapshot, TableMetadata } from '@phlo/ports'
import { type DataFile, entryStatus, type ManifestEntry, type ManifestFile } from '../manifest/data-file.js'
import { TableFiles } from '../manifest/table-files.js'

/** A table as one snapshot has it; without one, it is empty. */
export interface TableAt {
  readonly metadata: TableMetadata
  readonly snapshot?: Snapshot | undefined
}

/** Data and delete files that only one of two states of a table has, with their sequence numbers there. */
export interface ChangedEntries {
  readonly before: readonly ManifestEntry[]
  readonly after: readonly ManifestEntry[]
}

/** Live files of two states of a table that differ. Reads the manifests that only one of them has. */
export async function changedEntries(store: ObjectStore, before: TableAt, after: TableAt): Promise<ChangedEntries> {
  const [old, now] = [new TableFiles(store, before.metadata), new TableFiles(store, after.metadata)]
  const [was, is] = await Promise.all([manifestsOf(old, before), manifestsOf(now, after)])
  const only = async (files: TableFiles, own: readonly ManifestFile[], others: readonly ManifestFile[]) => {
    const shared = new Set(others.map(({ path }) => path))
    return liveEntries(
      files,
      own.filter(({ path }) => !shared.has(path)),
    )
  }
  const [left, right] = [await only(old, was, is), await only(now, is, was)]
  return {
    before: [...left].filter(([key]) => !right.has(key)).map(([, entry]) => entry),
    after: [...right].filter(([key]) => !left.has(key)).map(([, entry]) => entry),
  }
}

export async function manifestsOf(files: TableFiles, { snapshot }: TableAt): Promise<ManifestFile[]> {
  return snapshot ? files.manifests(snapshot) : []
}

async function liveEntries(files: TableFiles, manifests: readonly ManifestFile[]): Promise<Map<string, ManifestEntry>> {
  const live = new Map<string, ManifestEntry>()
  for await (const { entries } of files.open(manifests))
    for (const entry of entries) if (entry.status !== entryStatus.deleted) live.set(fileKey(entry.file), entry)
  return live
}

/** Several deletion vectors share a Puffin file. */
export function fileKey({ path, contentOffset }: DataFile): string {
  return `${contentOffset ?? ''} ${path}`
}
