import { randomBytes, randomUUID } from 'node:crypto'
import type {
  ObjectStore,
  PartitionSpec,
  Snapshot,
  SnapshotOperation,
  TableMetadata,
  TableRequirement,
  TableUpdate,
} from '@phlo/ports'
import {
  type DataFile,
  entryStatus,
  fileContent,
  isDeletionVector,
  type ManifestEntry,
  type ManifestFile,
} from '../manifest/data-file.js'
import { type NewManifestEntry, writeManifest } from '../manifest/manifest.js'
import { countEntries, hasCounts, summarizePartitions, writeManifestList } from '../manifest/manifest-list.js'
import { invalid, unsupported } from '../invalid.js'
import { currentSchema, mainTableBranch, refSnapshot } from '../metadata/metadata.js'
import { type BoundPartitionField, specById } from '../partition/partition-spec.js'
import { partitionKey } from '../manifest/partition-key.js'
import { bindTableSpec, TableFiles } from '../manifest/table-files.js'

/** What a new snapshot does to the one before. */
export interface SnapshotChange {
  /** Data and delete files, of any of the table's partition specs. */
  readonly add: readonly DataFile[]
  /** Live files for which it answers true leave the table. Manifests for which `mayHold` answers false are not read. */
  readonly remove?: {
    readonly mayHold: (manifest: ManifestFile, spec: readonly BoundPartitionField[]) => boolean
    readonly matches: (file: DataFile, spec: readonly BoundPartitionField[]) => boolean
  }
  /** Added to the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>
}

/** A snapshot that is written but not yet committed. */
export interface StagedSnapshot {
  readonly snapshot: Snapshot
  readonly updates: readonly TableUpdate[]
  readonly requirements: readonly TableRequirement[]
}

/** A random positive 63-bit id. Spec: "Snapshots". */
function newSnapshotId(): bigint {
  return BigInt.asUintN(63, randomBytes(8).readBigUInt64BE()) || 1n
}

/**
 * Writes the manifests and the manifest list of a new snapshot on top of the table's main branch, and gives the updates
 * that commit it. Nothing is visible before that. `metadata` may be a table that is about to be created.
 */
export async function stageSnapshot(
  store: ObjectStore,
  metadata: TableMetadata,
  change: SnapshotChange,
  now: number,
): Promise<StagedSnapshot> {
  const version = metadata['format-version']
  if (version !== 2) throw unsupported(`Writing to a table of format version ${version}`)
  const parent = refSnapshot(metadata)
  const snapshotId = newSnapshotId()
  const sequenceNumber = metadata['last-sequence-number'] + 1
  const files = new TableFiles(store, metadata)
  const writer = new ManifestWriter(store, metadata, snapshotId, sequenceNumber)
  const summary = new SummaryBuilder()
  const manifests: ManifestFile[] = []
  for (const file of change.add) summary.added(file)
  for (const { specId, content, group } of bySpecAndContent(change.add)) {
    manifests.push(
      await writer.write(
        specById(metadata['partition-specs'], specId),
        content,
        group.map((file) => ({ status: entryStatus.added, snapshotId, file })),
      ),
    )
  }
  for (const listed of parent ? await files.manifests(parent) : []) {
    const manifest = hasCounts(listed) ? listed : await withCounts(files, listed)
    // What an earlier snapshot deleted is history that this one need not repeat.
    if (manifest.addedFiles === 0 && manifest.existingFiles === 0) continue
    manifests.push(
      (change.remove && (await withoutRemoved(files, manifest, change.remove, snapshotId, writer, summary))) ??
        manifest,
    )
  }
  const operation: SnapshotOperation = summary.operation()
  const listKey = writer.key(`snap-${snapshotId}-1-${randomUUID()}.avro`)
  const list = await writeManifestList({
    version,
    snapshotId,
    parentSnapshotId: parent?.['snapshot-id'],
    sequenceNumber,
    manifests,
  })
  await store.put(listKey, list, { ifAbsent: true })
  const snapshot: Snapshot = {
    'snapshot-id': snapshotId,
    ...(parent && { 'parent-snapshot-id': parent['snapshot-id'] }),
    'sequence-number': sequenceNumber,
    'timestamp-ms': Math.max(now, metadata['last-updated-ms']),
    'manifest-list': store.uri(listKey),
    summary: { operation, ...change.summary, ...summary.counts(parent) },
    'schema-id': metadata['current-schema-id'],
  }
  return {
    snapshot,
    updates: [
      { action: 'add-snapshot', snapshot },
      { action: 'set-snapshot-ref', 'ref-name': mainTableBranch, type: 'branch', 'snapshot-id': snapshotId },
    ],
    requirements: [
      { type: 'assert-ref-snapshot-id', ref: mainTableBranch, 'snapshot-id': parent?.['snapshot-id'] ?? null },
    ],
  }
}

/** A manifest holds files of one spec, and either data or delete files. */
function bySpecAndContent(files: readonly DataFile[]) {
  const groups = new Map<string, { specId: number; content: 'data' | 'deletes'; group: DataFile[] }>()
  for (const file of files) {
    const content = file.content === fileContent.data ? 'data' : 'deletes'
    const key = `${file.specId} ${content}`
    const found = groups.get(key)
    if (found) found.group.push(file)
    else groups.set(key, { specId: file.specId, content, group: [file] })
  }
  return groups.values()
}

/** A line of a version 1 list that lacks its counts, with those of the manifest itself. */
async function withCounts(files: TableFiles, manifest: ManifestFile): Promise<ManifestFile> {
  const entries: ManifestEntry[] = []
  for await (const entry of files.entries(manifest, { statistics: new Set() })) entries.push(entry)
  return { ...manifest, ...countEntries(entries) }
}

/** The manifest with the leaving files marked as deleted, or `undefined` when none leaves. */
async function withoutRemoved(
  files: TableFiles,
  manifest: ManifestFile,
  remove: NonNullable<SnapshotChange['remove']>,
  snapshotId: bigint,
  writer: ManifestWriter,
  summary: SummaryBuilder,
): Promise<ManifestFile | undefined> {
  const spec = files.spec(manifest.specId)
  if (!remove.mayHold(manifest, spec)) return undefined
  const live: ManifestEntry[] = []
  for await (const entry of files.entries(manifest)) if (entry.status !== entryStatus.deleted) live.push(entry)
  const leaving = new Set(live.filter((entry) => remove.matches(entry.file, spec)))
  if (leaving.size === 0) return undefined
  for (const { file } of leaving) summary.removed(file)
  const entries: NewManifestEntry[] = live.map((entry) =>
    leaving.has(entry)
      ? { ...entry, status: entryStatus.deleted, snapshotId }
      : { ...entry, status: entryStatus.existing },
  )
  const content = manifest.content === 0 ? 'data' : 'deletes'
  return writer.write(specById(files.metadata['partition-specs'], manifest.specId), content, entries)
}

class ManifestWriter {
  private readonly commitId = randomUUID()
  private count = 0

  private readonly store: ObjectStore
  private readonly metadata: TableMetadata
  private readonly snapshotId: bigint
  private readonly sequenceNumber: number

  constructor(store: ObjectStore, metadata: TableMetadata, snapshotId: bigint, sequenceNumber: number) {
    this.store = store
    this.metadata = metadata
    this.snapshotId = snapshotId
    this.sequenceNumber = sequenceNumber
  }

  key(name: string): string {
    const folder = this.store.key(this.metadata.location)
    if (folder === undefined) throw invalid('table metadata', `location ${this.metadata.location} is outside the store`)
    return `${folder}/metadata/${name}`
  }

  async write(
    spec: PartitionSpec,
    content: 'data' | 'deletes',
    entries: readonly NewManifestEntry[],
  ): Promise<ManifestFile> {
    const schema = currentSchema(this.metadata)
    const partition = bindTableSpec(this.metadata, spec['spec-id'])
    const bytes = await writeManifest({ version: 2, schema, spec, partition, content, entries })
    const key = this.key(`${this.commitId}-m${this.count++}.avro`)
    await this.store.put(key, bytes, { ifAbsent: true })
    const live = entries.filter((entry) => entry.status !== entryStatus.deleted)
    return {
      path: this.store.uri(key),
      length: bytes.length,
      specId: spec['spec-id'],
      content: content === 'data' ? 0 : 1,
      sequenceNumber: this.sequenceNumber,
      minSequenceNumber: live.reduce(
        (lowest, entry) => Math.min(lowest, entry.sequenceNumber ?? this.sequenceNumber),
        this.sequenceNumber,
      ),
      addedSnapshotId: this.snapshotId,
      ...countEntries(entries),
      partitions: summarizePartitions(entries, partition),
    }
  }
}

class DeleteCounts {
  positionFiles = 0
  vectors = 0
  positions = 0
  equalityFiles = 0
  equalities = 0

  get files(): number {
    return this.positionFiles + this.vectors + this.equalityFiles
  }

  count(file: DataFile): void {
    if (file.content === fileContent.equalityDeletes) {
      this.equalityFiles++
      this.equalities += file.recordCount
      return
    }
    if (isDeletionVector(file)) this.vectors++
    else this.positionFiles++
    this.positions += file.recordCount
  }
}

/** Counts for a snapshot's summary. Spec: Appendix F, "Optional Snapshot Summary Fields". */
class SummaryBuilder {
  private addedFiles = 0
  private addedRecords = 0
  private addedSize = 0
  private removedFiles = 0
  private removedRecords = 0
  private removedSize = 0
  private readonly addedDeletes = new DeleteCounts()
  private readonly removedDeletes = new DeleteCounts()
  private readonly partitions = new Set<string>()

  added(file: DataFile): void {
    this.addedSize += file.fileSize
    this.partitions.add(`${file.specId} ${partitionKey(file)}`)
    if (file.content !== fileContent.data) return this.addedDeletes.count(file)
    this.addedFiles++
    this.addedRecords += file.recordCount
  }

  removed(file: DataFile): void {
    this.removedSize += file.fileSize
    this.partitions.add(`${file.specId} ${partitionKey(file)}`)
    if (file.content !== fileContent.data) return this.removedDeletes.count(file)
    this.removedFiles++
    this.removedRecords += file.recordCount
  }

  operation(): SnapshotOperation {
    if (this.removedFiles === 0 && this.removedDeletes.files === 0 && this.addedDeletes.files === 0) return 'append'
    return this.addedFiles === 0 ? 'delete' : 'overwrite'
  }

  /** `parent` is the snapshot before, `undefined` for a table's first. */
  counts(parent: Snapshot | undefined): Record<string, string> {
    // Writers may leave totals out; what is not known then cannot be known from here on.
    const before = (name: string) => (parent ? Number(parent.summary?.[name] ?? Number.NaN) : 0)
    const counts: Record<string, number> = {
      'added-data-files': this.addedFiles,
      'added-records': this.addedRecords,
      'added-files-size': this.addedSize,
      'deleted-data-files': this.removedFiles,
      'deleted-records': this.removedRecords,
      'removed-files-size': this.removedSize,
      'added-delete-files': this.addedDeletes.files,
      'added-position-delete-files': this.addedDeletes.positionFiles,
      'added-dvs': this.addedDeletes.vectors,
      'added-position-deletes': this.addedDeletes.positions,
      'added-equality-delete-files': this.addedDeletes.equalityFiles,
      'added-equality-deletes': this.addedDeletes.equalities,
      'removed-delete-files': this.removedDeletes.files,
      'removed-position-delete-files': this.removedDeletes.positionFiles,
      'removed-dvs': this.removedDeletes.vectors,
      'removed-position-deletes': this.removedDeletes.positions,
      'removed-equality-delete-files': this.removedDeletes.equalityFiles,
      'removed-equality-deletes': this.removedDeletes.equalities,
      'changed-partition-count': this.partitions.size,
    }
    const totals: Record<string, number> = {
      'total-data-files': before('total-data-files') + this.addedFiles - this.removedFiles,
      'total-records': before('total-records') + this.addedRecords - this.removedRecords,
      'total-files-size': before('total-files-size') + this.addedSize - this.removedSize,
      'total-delete-files': before('total-delete-files') + this.addedDeletes.files - this.removedDeletes.files,
      'total-position-deletes':
        before('total-position-deletes') + this.addedDeletes.positions - this.removedDeletes.positions,
      'total-equality-deletes':
        before('total-equality-deletes') + this.addedDeletes.equalities - this.removedDeletes.equalities,
    }
    const changed = Object.entries(counts).filter(([, value]) => value > 0)
    const known = Object.entries(totals).filter(([, value]) => value >= 0)
    return Object.fromEntries([...changed, ...known].map(([name, value]) => [name, String(value)]))
  }
}
