import { randomBytes, randomUUID } from 'node:crypto'
import { type ObjectStore, PhloError, type Snapshot, type SnapshotRef, type TableMetadata } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { fileContent, type FormatVersion, type ManifestEntry, type ManifestFile } from '../manifest/data-file.js'
import { countEntries, hasCounts, writeManifestList } from '../manifest/manifest-list.js'
import { TableFiles } from '../manifest/table-files.js'
import { mainTableBranch, refSnapshot, snapshotById } from '../metadata/metadata.js'
import { checkAddedFiles, writeAddedFiles } from './added-files.js'
import { conflict } from './conflict.js'
import { type FilteredManifest, filterManifests } from './filtered-manifests.js'
import { leavingDeletes, namedByChange } from './leaving-files.js'
import type { ChangedSince, MetadataChange, Producer } from './metadata-change.js'
import { ManifestMerge } from './manifest-merge.js'
import { ManifestWriter, unassigned, writtenVersion } from './manifest-writer.js'
import type { SnapshotChange } from './snapshot-change.js'
import { SummaryBuilder, summaryKeys } from './snapshot-summary.js'
import { ChangeValidation } from './validation.js'

/** A random positive 63-bit id. Spec: "Snapshots". */
export function newSnapshotId(): bigint {
  return BigInt.asUintN(63, randomBytes(8).readBigUInt64BE()) || 1n
}

/**
 * Writes the manifests and the manifest list of a new snapshot on top of a table's branch, again for every attempt to
 * commit it. Manifests that are still right are used again.
 */
export class SnapshotProducer implements Producer {
  readonly snapshotId = newSnapshotId()
  private readonly writer: ManifestWriter
  private merge: ManifestMerge
  private readonly validation: ChangeValidation
  private attempts = 0
  private version: FormatVersion | undefined
  private added: readonly ManifestFile[] | undefined
  private readonly filtered = new Map<string, FilteredManifest>()
  /** URIs of what the last attempt needs of what was written. */
  private kept: ReadonlySet<string> = new Set()

  private readonly store: ObjectStore
  private readonly change: SnapshotChange

  constructor(store: ObjectStore, change: SnapshotChange) {
    this.store = store
    this.change = change
    this.writer = new ManifestWriter(store, this.snapshotId)
    this.merge = new ManifestMerge(this.writer, this.snapshotId)
    this.validation = new ChangeValidation(change)
  }

  /** Keys of files that were written and that the last attempt does not need, or of all that were written. */
  abandoned(which: 'unneeded' | 'all'): string[] {
    return [...this.writer.written].filter((key) => which === 'all' || !this.kept.has(this.store.uri(key)))
  }

  /**
   * The snapshot on top of the branch as `metadata` has it, and the updates that commit it. Nothing is visible before
   * that. `metadata` may be that of a table which is about to be created.
   */
  async stage(metadata: TableMetadata, now: number, since?: ChangedSince): Promise<MetadataChange> {
    try {
      const change = await this.write(metadata, now, since)
      await this.writer.settled()
      return change
    } catch (error) {
      // What is deleted next is not to be stored after that.
      await this.writer.settled().catch(() => undefined)
      throw error
    }
  }

  private async write(metadata: TableMetadata, now: number, since: ChangedSince | undefined): Promise<MetadataChange> {
    const { change, snapshotId } = this
    const version = writtenVersion(metadata)
    if (version !== this.version) this.forget()
    this.version = version
    checkAddedFiles(change, metadata)
    const branch = targetBranch(metadata, change)
    const { parent } = branch
    const sequenceNumber = version === 1 ? 0 : metadata['last-sequence-number'] + 1
    const firstRowId = version >= 3 ? (metadata['next-row-id'] ?? 0) : undefined
    const summary = new SummaryBuilder()
    for (const file of change.add) summary.added(file)
    this.added ??= await writeAddedFiles(this.writer, metadata, snapshotId, change.add)
    const files = new TableFiles(this.store, metadata)
    const filtered = parent ? await this.filter(files, parent, summary) : []
    this.requireRemoved(filtered)
    if (since) await this.validate(files, since, filtered)
    const all = [...this.added, ...filtered.map(({ manifest }) => manifest)]
    const merged: ManifestFile[] = []
    for (const kind of [0, 1] as const) {
      const ofKind = all.filter(({ content }) => content === kind)
      merged.push(...(change.mergeManifests === false ? ofKind : await this.merge.merge(files, ofKind)))
    }
    const { manifests, nextRowId } = numberRows(
      merged.map((manifest) => withSequenceNumber(manifest, sequenceNumber)),
      firstRowId,
    )
    const list = await writeManifestList({
      version,
      snapshotId,
      parentSnapshotId: parent?.['snapshot-id'],
      sequenceNumber,
      ...(firstRowId !== undefined && { firstRowId }),
      manifests,
    })
    const name = `snap-${snapshotId}-${++this.attempts}-${randomUUID()}.avro`
    const operation = change.operation ?? (change.replacePartitions ? 'overwrite' : summary.operation())
    if (operation === 'replace') summary.requireNoNewRows()
    const snapshot: Snapshot = {
      'snapshot-id': snapshotId,
      ...(parent && { 'parent-snapshot-id': parent['snapshot-id'] }),
      ...(version > 1 && { 'sequence-number': sequenceNumber }),
      'timestamp-ms': Math.max(now, metadata['last-updated-ms']),
      'manifest-list': this.writer.put(metadata, name, list),
      summary: {
        operation,
        ...change.summary,
        ...(change.stagedAs !== undefined && { [summaryKeys.stagedAs]: change.stagedAs }),
        ...(change.replaces && { [summaryKeys.replaces]: change.replaces }),
        ...(change.mergedBy && change.mergedBy.length > 0 && { [summaryKeys.mergeKeys]: change.mergedBy.join(',') }),
        ...(change.replacePartitions && { [summaryKeys.replacePartitions]: 'true' }),
        ...summary.counts(parent),
        ...manifestCounts(manifests, filtered.length, snapshotId),
      },
      'schema-id': metadata['current-schema-id'],
      ...(firstRowId !== undefined &&
        nextRowId !== undefined && { 'first-row-id': firstRowId, 'added-rows': nextRowId - firstRowId }),
    }
    this.kept = new Set([...manifests.map(({ path }) => path), snapshot['manifest-list'] as string])
    if (change.stagedAs !== undefined) return { updates: [{ action: 'add-snapshot', snapshot }] }
    return {
      updates: [
        { action: 'add-snapshot', snapshot },
        { action: 'set-snapshot-ref', 'ref-name': branch.name, ...branch.ref, 'snapshot-id': snapshotId },
      ],
      requirements: [
        { type: 'assert-ref-snapshot-id', ref: branch.name, 'snapshot-id': branch.ref['snapshot-id'] ?? null },
      ],
    }
  }

  /** The parent's manifests without the leaving files. Data files come first: which deletes are needed depends on them. */
  private async filter(files: TableFiles, parent: Snapshot, summary: SummaryBuilder): Promise<FilteredManifest[]> {
    const live: ManifestFile[] = []
    for (const listed of await files.manifests(parent)) {
      const manifest = hasCounts(listed) ? listed : await withCounts(files, listed)
      // What an earlier snapshot deleted is history that this one need not repeat.
      if (manifest.addedFiles !== 0 || manifest.existingFiles !== 0) live.push(manifest)
    }
    const named = namedByChange(this.change, files)
    const output = { writer: this.writer, snapshotId: this.snapshotId }
    const ofKind = (kind: 0 | 1) => live.filter(({ content }) => content === kind)
    const data = await filterManifests(files, ofKind(0), named, output, this.filtered)
    const paths = new Set(data.flatMap(({ removed }) => removed.map(({ path }) => path)))
    const leaving = leavingDeletes(named, this.change, {
      paths,
      leastSequenceNumber: paths.size > 0 ? leastSequenceNumber(files.metadata, data, this.change) : undefined,
    })
    const deletes = await filterManifests(files, ofKind(1), leaving, output)
    const all = [...data, ...deletes]
    for (const { removed } of all) for (const file of removed) summary.removed(file)
    return all
  }

  /** Manifests of another format version are not used again. */
  private forget(): void {
    this.added = undefined
    this.filtered.clear()
    this.merge = new ManifestMerge(this.writer, this.snapshotId)
  }

  private async validate(files: TableFiles, since: ChangedSince, filtered: readonly FilteredManifest[]): Promise<void> {
    const branch = this.change.branch ?? mainTableBranch
    const head = branchHead(since.base, branch)
    const concurrent = this.validation.concurrent(files, since.base, since.started(branch), head)
    if (!concurrent) return
    const removed = filtered.flatMap((item) => item.removed).filter(({ content }) => content === fileContent.data)
    await this.validation.check(concurrent, files, removed)
  }

  private requireRemoved(filtered: readonly FilteredManifest[]): void {
    const wanted = this.change.removePaths
    if (!wanted || wanted.size === 0) return
    const removed = new Set(filtered.flatMap((item) => item.removed.map(({ path }) => path)))
    const missing = [...wanted].filter((path) => !removed.has(path))
    if (missing.length > 0) {
      const more = missing.length > 1 ? ` and ${missing.length - 1} more` : ''
      throw conflict(`Files that were to be replaced have left the table: ${missing[0]}${more}`, {
        files: missing.slice(0, 100),
      })
    }
  }
}

/** Manifests that the snapshot wrote, took over from its parent, and took the place of. Spec: Appendix F. */
function manifestCounts(
  manifests: readonly ManifestFile[],
  before: number,
  snapshotId: bigint,
): Record<string, string> {
  const created = manifests.filter(({ addedSnapshotId }) => addedSnapshotId === snapshotId).length
  const kept = manifests.length - created
  return {
    'manifests-created': String(created),
    'manifests-kept': String(kept),
    'manifests-replaced': String(before - kept),
  }
}

/** The snapshot that a branch stands at, or will begin at. */
export function branchHead(metadata: TableMetadata, branch: string): bigint | undefined {
  return (refSnapshot(metadata, branch) ?? refSnapshot(metadata))?.['snapshot-id']
}

interface TargetBranch {
  readonly name: string
  /** The branch as it is, with its retention; without a snapshot when it is not there. */
  readonly ref: Omit<SnapshotRef, 'snapshot-id'> & { readonly 'snapshot-id'?: bigint }
  readonly parent: Snapshot | undefined
}

/** Throws PHLO_REF_NOT_FOUND, PHLO_REF_INVALID for a tag. */
function targetBranch(metadata: TableMetadata, change: SnapshotChange): TargetBranch {
  const { branch: name = mainTableBranch } = change
  const ref = metadata.refs?.[name]
  if (ref && ref.type !== 'branch')
    throw new PhloError('PHLO_REF_INVALID', `${name} is a tag of the table; only branches take snapshots`)
  if (ref) {
    const parent = snapshotById(metadata, ref['snapshot-id'])
    if (!parent) throw invalid('table metadata', `branch ${name} names a snapshot that is not there`)
    return { name, ref, parent }
  }
  if (name !== mainTableBranch && !change.createBranch)
    throw new PhloError('PHLO_REF_NOT_FOUND', `The table has no branch ${name}`)
  return { name, ref: { type: 'branch' }, parent: refSnapshot(metadata) }
}

/** A line of a version 1 list that lacks its counts, with those of the manifest itself. */
async function withCounts(files: TableFiles, manifest: ManifestFile): Promise<ManifestFile> {
  const entries: ManifestEntry[] = []
  for await (const entry of files.entries(manifest, { statistics: new Set() })) entries.push(entry)
  return { ...manifest, ...countEntries(entries) }
}

/** No data file is older: deletes that are apply to nothing. */
function leastSequenceNumber(
  metadata: TableMetadata,
  data: readonly FilteredManifest[],
  change: SnapshotChange,
): number {
  let least = metadata['last-sequence-number']
  for (const { manifest } of data) {
    const live = manifest.addedFiles !== 0 || manifest.existingFiles !== 0
    if (live && manifest.minSequenceNumber !== unassigned) least = Math.min(least, manifest.minSequenceNumber)
  }
  for (const file of change.add)
    if (file.content === fileContent.data) least = Math.min(least, file.sequenceNumber ?? least)
  return least
}

export function withSequenceNumber(manifest: ManifestFile, sequenceNumber: number): ManifestFile {
  if (manifest.sequenceNumber !== unassigned) return manifest
  const { minSequenceNumber: least } = manifest
  return { ...manifest, sequenceNumber, minSequenceNumber: least === unassigned ? sequenceNumber : least }
}

/**
 * Gives data manifests without one a first row id each, with room for every live row, as not all files may have one of
 * their own. Spec: "First Row ID Assignment".
 */
export function numberRows(
  manifests: readonly ManifestFile[],
  firstRowId: number | undefined,
): { readonly manifests: readonly ManifestFile[]; readonly nextRowId: number | undefined } {
  if (firstRowId === undefined) return { manifests, nextRowId: undefined }
  let nextRowId = firstRowId
  const numbered = manifests.map((manifest) => {
    if (manifest.content !== 0 || manifest.firstRowId !== undefined) return manifest
    const first = nextRowId
    nextRowId += (manifest.addedRows ?? 0) + (manifest.existingRows ?? 0)
    return { ...manifest, firstRowId: first }
  })
  return { manifests: numbered, nextRowId }
}
