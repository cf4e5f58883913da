import type { IcebergSchema, ObjectStore } from '@phlo/ports'
import { entryStatus, isDeletionVector, type ManifestEntry, type ManifestFile } from '../manifest/data-file.js'
import { TableFiles } from '../manifest/table-files.js'
import { sameJson } from '../metadata/json.js'
import { currentSchema, schemaById } from '../metadata/metadata.js'
import { DeleteIndex } from '../scan/delete-index.js'
import type { ScanTask } from '../scan/scan.js'
import { schemaChanges } from '../schema/schema-history.js'
import type { SchemaChange } from '../schema/schema-change.js'
import { changedEntries, fileKey, manifestsOf, type TableAt } from './changed-entries.js'
import { everywhere, partitionsOf } from './row-regions.js'

/** A data file with the deletes that a state has for it. */
export type FileRows = Pick<ScanTask, 'file' | 'sequenceNumber' | 'deletes'>

/** How the files of two states of a table differ. Rows of all other files are in both. */
export interface ChangedFiles {
  /** Data files that the one state alone has, or for which it has other deletes than the other. */
  readonly before: readonly FileRows[]
  readonly after: readonly FileRows[]
  /** What leads from the one schema to the other. */
  readonly schema: readonly SchemaChange[]
  /** By how many the rows became more or less; `undefined` where that takes a look into delete files. */
  readonly rows: number | undefined
}

/**
 * The data files in which two states of a table differ, whether the one came from the other or both from a third. Reads
 * manifests of data files that only one state has, those that deletes of only one may be about, and the manifests of
 * deletes for what differs.
 */
export async function changedFiles(store: ObjectStore, before: TableAt, after: TableAt): Promise<ChangedFiles> {
  const [old, now] = [new Side(store, before), new Side(store, after)]
  const [was, is] = await Promise.all([manifestsOf(old.files, before), manifestsOf(now.files, after)])
  const changed = await changedEntries(store, before, after)
  const data = ({ file }: ManifestEntry) => file.content === 0
  const [left, right] = [changed.before.filter(data), changed.after.filter(data)]
  const deletes = [changed.before, changed.after].map((entries) => entries.filter((entry) => !data(entry)))
  const [leftDeletes, rightDeletes] = deletes as [ManifestEntry[], ManifestEntry[]]
  await old.readDeletes(was, [...left, ...leftDeletes], rightDeletes)
  await now.readDeletes(is, [...right, ...rightDeletes], leftDeletes)
  const [gone, came] = [left.map((entry) => old.rowsOf(entry)), right.map((entry) => now.rowsOf(entry))]
  for (const [one, other] of await sharedFiles(old, now, was, is, leftDeletes, rightDeletes)) {
    const [then, later] = [old.rowsOf(one), now.rowsOf(other)]
    const keys = ({ deletes: found }: FileRows) =>
      found
        .map(({ file }) => fileKey(file))
        .sort()
        .join('\n')
    if (keys(then) === keys(later)) continue
    gone.push(then)
    came.push(later)
  }
  const counts = [came, gone].map(liveRows) as [number | undefined, number | undefined]
  return {
    before: gone,
    after: came,
    schema: schemaChanges(old.schema, now.schema),
    rows: counts[0] === undefined || counts[1] === undefined ? undefined : counts[0] - counts[1],
  }
}

/** One of the two states. */
class Side {
  readonly files: TableFiles
  readonly schema: IcebergSchema
  private deletes: DeleteIndex | undefined

  constructor(store: ObjectStore, { metadata, snapshot }: TableAt) {
    const id = snapshot?.['schema-id']
    const known = id !== undefined && metadata.schemas.some((schema) => schema['schema-id'] === id)
    // A branch's head is read by the table's own schema, as everywhere.
    const isHead = Object.values(metadata.refs ?? {}).some((ref) => ref['snapshot-id'] === snapshot?.['snapshot-id'])
    this.schema = known && !isHead ? schemaById(metadata, id) : currentSchema(metadata)
    this.files = new TableFiles(store, metadata, this.schema)
  }

  /** Reads the deletes that may be for files of the entries' partitions, or for those that the other side has deletes for. */
  async readDeletes(
    manifests: readonly ManifestFile[],
    entries: readonly ManifestEntry[],
    others: readonly ManifestEntry[],
  ): Promise<void> {
    const found: ManifestEntry[] = []
    const region = partitionsOf(
      entries.map(({ file }) => file),
      this.files,
    )
    const wanted = manifests.filter(
      (manifest) => manifest.content === 1 && (others.length > 0 || (entries.length > 0 && region.mayBeIn(manifest))),
    )
    for await (const { entries: all } of this.files.open(wanted))
      for (const entry of all) if (entry.status !== entryStatus.deleted) found.push(entry)
    this.deletes = new DeleteIndex(found, this.files)
  }

  rowsOf({ file, sequenceNumber }: ManifestEntry): FileRows {
    return { file, sequenceNumber, deletes: this.deletes?.of(file, sequenceNumber) ?? [] }
  }
}

/** Data files that both sides have and that deletes of only one may be about, as each has them. */
async function sharedFiles(
  old: Side,
  now: Side,
  was: readonly ManifestFile[],
  is: readonly ManifestFile[],
  left: readonly ManifestEntry[],
  right: readonly ManifestEntry[],
): Promise<[ManifestEntry, ManifestEntry][]> {
  if (left.length + right.length === 0) return []
  const deletes = [...left, ...right].map(({ file }) => file)
  // Sides that both got a new spec may mean another one by its id.
  const specOf = ({ files: { metadata } }: Side, id: number) =>
    metadata['partition-specs'].find((spec) => spec['spec-id'] === id) ?? null
  const alike = deletes.every(({ specId }) => sameJson(specOf(old, specId), specOf(now, specId)))
  const read = async (side: Side, manifests: readonly ManifestFile[]) => {
    const region = alike ? partitionsOf(deletes, side.files) : everywhere
    const live = new Map<string, ManifestEntry>()
    const wanted = manifests.filter((manifest) => manifest.content === 0 && region.mayBeIn(manifest))
    for await (const { entries } of side.files.open(wanted))
      for (const entry of entries)
        if (entry.status !== entryStatus.deleted && region.has(entry.file)) live.set(entry.file.path, entry)
    return live
  }
  const [ones, others] = [await read(old, was), await read(now, is)]
  return [...ones].flatMap(([path, entry]) => {
    const other = others.get(path)
    return other ? [[entry, other] as [ManifestEntry, ManifestEntry]] : []
  })
}

/** Rows that are left; `undefined` where only a look at the deletes tells. */
function liveRows(files: readonly FileRows[]): number | undefined {
  let rows = 0
  for (const { file, deletes } of files) {
    if (!deletes.every((item) => isDeletionVector(item.file))) return undefined
    rows += deletes.reduce((left, item) => left - item.file.recordCount, file.recordCount)
  }
  return rows
}
