import type { ObjectStore, TableMetadata } from '@phlo/ports'
import { randomUUID } from 'node:crypto'
import { entryStatus, type FormatVersion, type ManifestFile } from '../manifest/data-file.js'
import { type NewManifestEntry, writeManifest } from '../manifest/manifest.js'
import { countEntries, summarizePartitions } from '../manifest/manifest-list.js'
import { bindTableSpec } from '../manifest/table-files.js'
import { unsupported } from '../invalid.js'
import { currentSchema } from '../metadata/metadata.js'
import { numberProperty } from '../metadata/properties.js'
import { objectKey } from '../read-object.js'
import { specById } from '../partition/partition-spec.js'

/**
 * Stands for the sequence number of the commit that is under way. A retry gets another one, so manifests do not hold it;
 * their entries inherit it.
 */
export const unassigned = -1

/** The size from which manifests are split, and up to which they are merged. The property is Iceberg's own. */
export function targetManifestSize(metadata: TableMetadata): number {
  return Math.max(1, numberProperty(metadata, 'commit.manifest.target-size-bytes', 8 * 1024 * 1024))
}

/** The version that is written to the table. Throws PHLO_ICEBERG_UNSUPPORTED. */
export function writtenVersion(metadata: TableMetadata): FormatVersion {
  const version = metadata['format-version']
  if (version !== 1 && version !== 2 && version !== 3)
    throw unsupported(`Writing to a table of format version ${version}`)
  return version
}

/** So many entries show how long a manifest of more will be. */
const sampleSize = 250

/** So many files are being stored at a time. */
const mostPuts = 4

/** Writes the manifests of one snapshot, and remembers what it wrote. */
export class ManifestWriter {
  private readonly commitId = randomUUID()
  private count = 0
  private readonly keys = new Set<string>()
  private readonly puts: Promise<unknown>[] = []

  private readonly store: ObjectStore
  private readonly snapshotId: bigint

  constructor(store: ObjectStore, snapshotId: bigint) {
    this.store = store
    this.snapshotId = snapshotId
  }

  /** Keys of everything that was written, manifest lists too. */
  get written(): ReadonlySet<string> {
    return this.keys
  }

  /**
   * Begins to store a new file in the table's folder of metadata. Returns its URI, which other files may name already; it
   * is there once {@link settled} has said so.
   */
  put(metadata: TableMetadata, name: string, bytes: Uint8Array): string {
    const folder = objectKey(this.store, metadata.location)
    const key = `${folder}/metadata/${name}`
    this.keys.add(key)
    const put = this.store.put(key, bytes, { ifAbsent: true })
    // Nobody hears of it before everything is asked for.
    put.catch(() => undefined)
    this.puts.push(put)
    return this.store.uri(key)
  }

  /** Resolves when everything so far is durable. Throws what the first failure was, every time. */
  async settled(): Promise<void> {
    for (const result of await Promise.allSettled(this.puts)) if (result.status === 'rejected') throw result.reason
  }

  /** Writes the entries to as many manifests as the target size asks for. */
  async writeSplit(
    metadata: TableMetadata,
    specId: number,
    content: 'data' | 'deletes',
    entries: readonly NewManifestEntry[],
  ): Promise<ManifestFile[]> {
    const most = await this.entriesPerManifest(metadata, specId, content, entries)
    const manifests: ManifestFile[] = []
    for (let from = 0; from < entries.length; from += most)
      manifests.push(await this.write(metadata, specId, content, entries.slice(from, from + most)))
    return manifests
  }

  private async entriesPerManifest(
    metadata: TableMetadata,
    specId: number,
    content: 'data' | 'deletes',
    entries: readonly NewManifestEntry[],
  ): Promise<number> {
    if (entries.length <= sampleSize) return sampleSize
    const sample = await encode(metadata, specId, content, entries.slice(0, sampleSize))
    const fitting = Math.floor((targetManifestSize(metadata) / sample.length) * sampleSize)
    // Evenly, rather than a small one at the end.
    const manifests = Math.ceil(entries.length / Math.max(sampleSize, fitting))
    return Math.ceil(entries.length / manifests)
  }

  /** Writes one manifest; see {@link put} for when it is there. Its sequence number is {@link unassigned}, and its least one when no live entry has one. */
  async write(
    metadata: TableMetadata,
    specId: number,
    content: 'data' | 'deletes',
    entries: readonly NewManifestEntry[],
  ): Promise<ManifestFile> {
    const bytes = await encode(metadata, specId, content, entries)
    // Large ones are not to be in memory all at once.
    await this.puts.at(-mostPuts)
    const path = this.put(metadata, `${this.commitId}-m${this.count++}.avro`, bytes)
    let least: number | undefined
    for (const { status, sequenceNumber } of entries) {
      if (status === entryStatus.deleted || sequenceNumber === undefined) continue
      if (least === undefined || sequenceNumber < least) least = sequenceNumber
    }
    return {
      path,
      length: bytes.length,
      specId,
      content: content === 'data' ? 0 : 1,
      sequenceNumber: unassigned,
      minSequenceNumber: least ?? unassigned,
      addedSnapshotId: this.snapshotId,
      ...countEntries(entries),
      partitions: summarizePartitions(entries, bindTableSpec(metadata, specId)),
    }
  }
}

function encode(
  metadata: TableMetadata,
  specId: number,
  content: 'data' | 'deletes',
  entries: readonly NewManifestEntry[],
): Promise<Buffer> {
  return writeManifest({
    version: writtenVersion(metadata),
    schema: currentSchema(metadata),
    spec: specById(metadata['partition-specs'], specId),
    partition: bindTableSpec(metadata, specId),
    content,
    entries,
  })
}
