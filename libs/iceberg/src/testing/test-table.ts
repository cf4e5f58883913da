import type { IcebergSchema, ObjectStore, PartitionSpec, Snapshot, SnapshotOperation, TableMetadata } from '@phlo/ports'
import {
  type DataFile,
  entryStatus,
  fileContent,
  type FormatVersion,
  type ManifestFile,
} from '../manifest/data-file.js'
import { countEntries, summarizePartitions, writeManifestList } from '../manifest/manifest-list.js'
import { type NewManifestEntry, writeManifest } from '../manifest/manifest.js'
import { currentSchema, snapshotById } from '../metadata/metadata.js'
import { bindSpec, specById } from '../partition/partition-spec.js'

/** A data file of one row, with what the test does not care about filled in. */
export function testFile(name: string, rest: Partial<DataFile> = {}): DataFile {
  return {
    content: fileContent.data,
    specId: 0,
    path: `memory://store/t/data/${name}.parquet`,
    format: 'PARQUET',
    partition: [],
    recordCount: 1,
    fileSize: 100,
    ...rest,
  }
}

interface Written {
  readonly manifest: ManifestFile
  readonly entries: readonly NewManifestEntry[]
}

/** What a commit of a {@link TestTable} does. */
export interface TestCommit {
  readonly add?: readonly DataFile[]
  readonly remove?: (file: DataFile) => boolean
  readonly operation?: SnapshotOperation
  readonly branch?: string
  readonly summary?: Readonly<Record<string, string>>
}

/** A table whose snapshots, numbered from 1, are written to a store as they are told, right or wrong. */
export class TestTable {
  metadata: TableMetadata
  private readonly written = new Map<bigint, readonly Written[]>()
  readonly store: ObjectStore

  constructor(store: ObjectStore, schema: IcebergSchema, specs: readonly PartitionSpec[], version: FormatVersion = 2) {
    this.store = store
    this.metadata = {
      'format-version': version,
      'table-uuid': '9c12d441-03fe-4693-9a96-a0705ddf69c1',
      location: 'memory://store/t',
      'last-sequence-number': 0,
      'last-updated-ms': 0,
      'last-column-id': 100,
      schemas: [schema],
      'current-schema-id': schema['schema-id'],
      'partition-specs': specs,
      'default-spec-id': specs[0]!['spec-id'],
      'last-partition-id': 1100,
      'sort-orders': [{ 'order-id': 0, fields: [] }],
      'default-sort-order-id': 0,
    }
  }

  /** Commits on top of the branch; a branch that is not there starts from main. */
  async commit(commit: TestCommit): Promise<Snapshot> {
    const { branch = 'main' } = commit
    const ref = this.metadata.refs?.[branch] ?? this.metadata.refs?.['main']
    const parent = ref && snapshotById(this.metadata, ref['snapshot-id'])
    const id = BigInt((this.metadata.snapshots?.length ?? 0) + 1)
    const sequenceNumber = this.metadata['last-sequence-number'] + 1
    const kept = (parent && this.written.get(parent['snapshot-id'])) ?? []
    const written: Written[] = []
    for (const [index, group] of groups(commit.add ?? []).entries()) {
      const entries = group.map((file): NewManifestEntry => ({ status: entryStatus.added, snapshotId: id, file }))
      written.push(await this.write(`${id}-a${index}`, id, sequenceNumber, entries))
    }
    for (const [index, old] of kept.entries()) {
      const live = old.entries.filter(({ status }) => status !== entryStatus.deleted)
      if (live.length === 0) continue
      const leaves = ({ file }: NewManifestEntry) => commit.remove?.(file) === true
      if (!live.some(leaves)) {
        written.push(old)
        continue
      }
      const entries = live.map((entry): NewManifestEntry => ({
        ...entry,
        sequenceNumber: entry.sequenceNumber ?? old.manifest.sequenceNumber,
        fileSequenceNumber: entry.fileSequenceNumber ?? old.manifest.sequenceNumber,
        ...(leaves(entry) ? { status: entryStatus.deleted, snapshotId: id } : { status: entryStatus.existing }),
      }))
      written.push(await this.write(`${id}-r${index}`, id, sequenceNumber, entries))
    }
    this.written.set(id, written)
    const operation = commit.operation ?? (commit.remove ? 'overwrite' : 'append')
    return this.publish(branch, parent, id, sequenceNumber, written, { operation, ...commit.summary })
  }

  private async publish(
    branch: string,
    parent: Snapshot | undefined,
    id: bigint,
    sequenceNumber: number,
    written: readonly Written[],
    summary: Exclude<Snapshot['summary'], undefined>,
  ): Promise<Snapshot> {
    const key = `t/metadata/snap-${id}.avro`
    const list = await writeManifestList({
      version: this.version,
      snapshotId: id,
      parentSnapshotId: parent?.['snapshot-id'],
      sequenceNumber,
      manifests: written.map(({ manifest }) => manifest),
    })
    await this.store.put(key, list)
    const snapshot: Snapshot = {
      'snapshot-id': id,
      ...(parent && { 'parent-snapshot-id': parent['snapshot-id'] }),
      'sequence-number': sequenceNumber,
      'timestamp-ms': Number(id) * 1000,
      'manifest-list': this.store.uri(key),
      summary,
      'schema-id': this.metadata['current-schema-id'],
    }
    this.metadata = {
      ...this.metadata,
      'last-sequence-number': sequenceNumber,
      'last-updated-ms': snapshot['timestamp-ms'],
      ...(branch === 'main' && { 'current-snapshot-id': id }),
      snapshots: [...(this.metadata.snapshots ?? []), snapshot],
      ...(branch === 'main' && {
        'snapshot-log': [
          ...(this.metadata['snapshot-log'] ?? []),
          { 'timestamp-ms': snapshot['timestamp-ms'], 'snapshot-id': id },
        ],
      }),
      refs: { ...this.metadata.refs, [branch]: { 'snapshot-id': id, type: 'branch' } },
    }
    return snapshot
  }

  private get version(): FormatVersion {
    return this.metadata['format-version'] as FormatVersion
  }

  private async write(
    name: string,
    snapshotId: bigint,
    sequenceNumber: number,
    entries: readonly NewManifestEntry[],
  ): Promise<Written> {
    const { specId, content } = entries[0]!.file
    const spec = specById(this.metadata['partition-specs'], specId)
    const schema = currentSchema(this.metadata)
    const partition = bindSpec(spec, schema, this.metadata.schemas)
    const kind = content === fileContent.data ? 'data' : 'deletes'
    const bytes = await writeManifest({ version: this.version, schema, spec, partition, content: kind, entries })
    const key = `t/metadata/${name}.avro`
    await this.store.put(key, bytes)
    const live = entries.filter((entry) => entry.status !== entryStatus.deleted)
    const manifest: ManifestFile = {
      path: this.store.uri(key),
      length: bytes.length,
      specId,
      content: kind === 'data' ? 0 : 1,
      sequenceNumber,
      minSequenceNumber: Math.min(sequenceNumber, ...live.map((entry) => entry.sequenceNumber ?? sequenceNumber)),
      addedSnapshotId: snapshotId,
      ...countEntries(entries),
      partitions: summarizePartitions(entries, partition),
    }
    return { manifest, entries }
  }
}

function groups(files: readonly DataFile[]): DataFile[][] {
  const found = new Map<string, DataFile[]>()
  for (const file of files) {
    const key = `${file.specId} ${file.content === fileContent.data}`
    found.set(key, [...(found.get(key) ?? []), file])
  }
  return [...found.values()]
}
