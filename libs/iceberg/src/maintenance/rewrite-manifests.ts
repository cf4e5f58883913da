import { randomUUID } from 'node:crypto'
import { isPhloError, type ObjectStore, type Snapshot, type TableMetadata } from '@phlo/ports'
import { ManifestWriter, targetManifestSize, writtenVersion } from '../commit/manifest-writer.js'
import { newSnapshotId, numberRows, withSequenceNumber } from '../commit/snapshot-producer.js'
import { entryStatus, type ManifestEntry, type ManifestFile } from '../manifest/data-file.js'
import { writeManifestList } from '../manifest/manifest-list.js'
import { TableFiles } from '../manifest/table-files.js'
import { mainTableBranch, refSnapshot } from '../metadata/metadata.js'
import { compareValues } from '../types/value.js'
import { type MaintainedTable, withRetries } from './maintained-table.js'

export interface ManifestRewriteOptions {
  /** The table's branch. Default `main`. */
  readonly branch?: string
  /** Bytes. Default: the property `commit.manifest.target-size-bytes`, or 8 MiB. */
  readonly targetSize?: number
  /** Also manifests that have the right size, to bring files of one partition together. Default false. */
  readonly all?: boolean
}

/** Which manifests a rewrite would replace. */
export interface ManifestRewritePlan {
  readonly snapshotId: bigint | undefined
  /** Manifests of one partition spec that hold either data or delete files, to be written anew together. */
  readonly groups: readonly (readonly ManifestFile[])[]
  /** How many manifests go, and about how many come. */
  readonly replaced: number
  readonly expected: number
  readonly kept: number
}

export interface ManifestRewriteResult {
  readonly snapshotId: bigint | undefined
  readonly replaced: number
  readonly created: number
  readonly kept: number
  /** Files that the new manifests list. */
  readonly entries: number
}

/** Finds manifests that are too many for their size, or too large. Spec: "Manifests". */
export async function planManifestRewrite(
  store: ObjectStore,
  metadata: TableMetadata,
  options: ManifestRewriteOptions = {},
): Promise<ManifestRewritePlan> {
  const target = options.targetSize ?? targetManifestSize(metadata)
  const snapshot = refSnapshot(metadata, options.branch ?? mainTableBranch)
  const manifests = snapshot ? await new TableFiles(store, metadata).manifests(snapshot) : []
  const groups = new Map<string, ManifestFile[]>()
  for (const manifest of manifests) {
    const key = `${manifest.specId} ${manifest.content}`
    groups.set(key, [...(groups.get(key) ?? []), manifest])
  }
  const needed = (group: readonly ManifestFile[]) =>
    Math.max(1, Math.ceil(group.reduce((sum, { length }) => sum + length, 0) / target))
  const chosen = [...groups.values()].filter(
    (group) =>
      (options.all === true && group.length > 1) ||
      group.length > needed(group) ||
      group.some(({ length }) => length > target * 1.8),
  )
  const replaced = chosen.reduce((sum, group) => sum + group.length, 0)
  return {
    snapshotId: snapshot?.['snapshot-id'],
    groups: chosen,
    replaced,
    expected: chosen.reduce((sum, group) => sum + needed(group), 0),
    kept: manifests.length - replaced,
  }
}

/**
 * Writes manifests anew: as few as the target size asks for, with files of neighbouring partitions together, so that
 * planning reads less. The table's files, their sequence numbers and their rows' ids stay. Starts again when somebody
 * else commits meanwhile; throws PHLO_COMMIT_CONFLICT after many lost races.
 */
export async function rewriteManifests(
  table: MaintainedTable,
  options: ManifestRewriteOptions = {},
): Promise<ManifestRewriteResult> {
  return withRetries(table, async (metadata) => {
    const plan = await planManifestRewrite(table.store, metadata, options)
    const { replaced, kept } = plan
    if (plan.groups.length === 0) return { snapshotId: undefined, replaced, kept, created: 0, entries: 0 }
    const snapshotId = newSnapshotId()
    const writer = new ManifestWriter(table.store, snapshotId)
    try {
      const { snapshot, created, entries } = await stage(table.store, metadata, plan, options, { writer, snapshotId })
      const branch = options.branch ?? mainTableBranch
      const ref = metadata.refs?.[branch] ?? { type: 'branch' as const }
      await table.commit(
        [
          { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
          { type: 'assert-ref-snapshot-id', ref: branch, 'snapshot-id': plan.snapshotId ?? null },
        ],
        [
          { action: 'add-snapshot', snapshot },
          { action: 'set-snapshot-ref', 'ref-name': branch, ...ref, 'snapshot-id': snapshotId },
        ],
      )
      return { snapshotId, replaced, kept, created, entries }
    } catch (error) {
      // After any other error the commit may have happened.
      if (isPhloError(error, 'PHLO_COMMIT_CONFLICT')) await table.store.delete([...writer.written])
      throw error
    }
  })
}

async function stage(
  store: ObjectStore,
  metadata: TableMetadata,
  plan: ManifestRewritePlan,
  options: ManifestRewriteOptions,
  { writer, snapshotId }: { writer: ManifestWriter; snapshotId: bigint },
): Promise<{ snapshot: Snapshot; created: number; entries: number }> {
  const files = new TableFiles(store, metadata)
  const parent = refSnapshot(metadata, options.branch ?? mainTableBranch) as Snapshot
  const leaving = new Set(plan.groups.flatMap((group) => group.map(({ path }) => path)))
  const kept = (await files.manifests(parent)).filter(({ path }) => !leaving.has(path))
  const size =
    options.targetSize === undefined ? {} : { 'commit.manifest.target-size-bytes': String(options.targetSize) }
  const sized = { ...metadata, properties: { ...metadata.properties, ...size } }
  const created: ManifestFile[] = []
  let entries = 0
  for (const group of plan.groups) {
    const live = await liveEntries(files, group)
    entries += live.length
    const [{ specId, content }] = group as [ManifestFile]
    created.push(...(await writer.writeSplit(sized, specId, content === 0 ? 'data' : 'deletes', live)))
  }
  const version = writtenVersion(metadata)
  const sequenceNumber = version === 1 ? 0 : metadata['last-sequence-number'] + 1
  const firstRowId = version >= 3 ? (metadata['next-row-id'] ?? 0) : undefined
  const { manifests, nextRowId } = numberRows(
    [...created, ...kept].map((manifest) => withSequenceNumber(manifest, sequenceNumber)),
    firstRowId,
  )
  const list = await writeManifestList({
    version,
    snapshotId,
    parentSnapshotId: parent['snapshot-id'],
    sequenceNumber,
    ...(firstRowId !== undefined && { firstRowId }),
    manifests: manifests.toSorted((a, b) => a.content - b.content),
  })
  const snapshot: Snapshot = {
    'snapshot-id': snapshotId,
    'parent-snapshot-id': parent['snapshot-id'],
    ...(version > 1 && { 'sequence-number': sequenceNumber }),
    'timestamp-ms': Math.max(Date.now(), metadata['last-updated-ms']),
    'manifest-list': writer.put(metadata, `snap-${snapshotId}-1-${randomUUID()}.avro`, list),
    summary: {
      operation: 'replace',
      'manifests-created': String(created.length),
      'manifests-replaced': String(plan.replaced),
      'manifests-kept': String(plan.kept),
      'entries-processed': String(entries),
      ...Object.fromEntries(Object.entries(parent.summary ?? {}).filter(([name]) => name.startsWith('total-'))),
    },
    'schema-id': metadata['current-schema-id'],
    ...(firstRowId !== undefined &&
      nextRowId !== undefined && { 'first-row-id': firstRowId, 'added-rows': nextRowId - firstRowId }),
  }
  await writer.settled()
  return { snapshot, created: created.length, entries }
}

/** What the manifests hold alive, in the order of partitions. Spec: "Sequence Numbers" stay with a file for life. */
async function liveEntries(files: TableFiles, group: readonly ManifestFile[]): Promise<ManifestEntry[]> {
  const live: ManifestEntry[] = []
  for (const manifest of group) {
    for await (const entry of files.entries(manifest))
      if (entry.status !== entryStatus.deleted) live.push({ ...entry, status: entryStatus.existing })
  }
  return live.sort(byPartition)
}

function byPartition({ file: a }: ManifestEntry, { file: b }: ManifestEntry): number {
  for (const [index, left] of a.partition.entries()) {
    const right = b.partition[index] ?? null
    if (left === null || right === null) {
      if (left !== right) return left === null ? -1 : 1
      continue
    }
    const order = compareValues(left, right)
    if (order !== 0) return order
  }
  return 0
}
