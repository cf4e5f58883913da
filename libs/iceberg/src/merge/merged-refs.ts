import type { SnapshotRef, TableMetadata, TableUpdate } from '@phlo/ports'
import type { MetadataChange } from '../commit/metadata-change.js'
import { sameJson } from '../metadata/json.js'
import { mainTableBranch, snapshotById } from '../metadata/metadata.js'
import type { TableSides } from './merged-layout.js'
import { mergeConflict, threeWay } from './table-merge.js'

/** Names of the source's branches, main first, and of its tags that the merge has to look at. */
export function changedRefs({ base, source }: TableSides): { readonly branches: string[]; readonly tags: string[] } {
  const changed = Object.entries(source.refs ?? {}).filter(([name, ref]) => !sameRef(ref, base.refs?.[name]))
  const of = (type: SnapshotRef['type']) => changed.filter(([, ref]) => ref.type === type).map(([name]) => name)
  const branches = of('branch')
  return {
    branches: branches.sort((a, b) => Number(b === mainTableBranch) - Number(a === mainTableBranch)),
    tags: of('tag'),
  }
}

/** Removes from the target the refs that the source removed. Throws PHLO_MERGE_CONFLICT when the target moved one. */
export function removedRefs({ base, target, source }: TableSides): MetadataChange {
  const updates: TableUpdate[] = []
  const requirements: MetadataChange['requirements'] & object = []
  for (const [name, ref] of Object.entries(base.refs ?? {})) {
    const ours = target.refs?.[name]
    if (source.refs?.[name] || !ours) continue
    if (!sameRef(ours, ref))
      throw mergeConflict('ref', `The source removed ${name}, which the target changed`, { ref: name })
    updates.push({ action: 'remove-snapshot-ref', 'ref-name': name })
    ;(requirements as object[]).push({ type: 'assert-ref-snapshot-id', ref: name, 'snapshot-id': ref['snapshot-id'] })
  }
  return { updates, requirements }
}

/** The ref as both sides want it, at `snapshotId` of the merged table. Throws PHLO_MERGE_CONFLICT. */
export function mergedRef({ base, target, source }: TableSides, name: string, snapshotId: bigint): SnapshotRef {
  const [was, ours, theirs] = [base, target, source].map(({ refs }) => refs?.[name])
  const differs = (): never => {
    throw mergeConflict('ref', `Both sides changed ${name}`, { ref: name })
  }
  const of = <Key extends keyof SnapshotRef>(key: Key) =>
    threeWay({ base: was?.[key], target: ours?.[key], source: theirs?.[key] }, Object.is, differs)
  const [least, age, own] = [of('min-snapshots-to-keep'), of('max-snapshot-age-ms'), of('max-ref-age-ms')]
  return {
    'snapshot-id': snapshotId,
    type: of('type') ?? differs(),
    ...(least !== undefined && { 'min-snapshots-to-keep': least }),
    ...(age !== undefined && { 'max-snapshot-age-ms': age }),
    ...(own !== undefined && { 'max-ref-age-ms': own }),
  }
}

/** Sets the ref, unless it is so already. */
export function settingRef(metadata: TableMetadata, name: string, ref: SnapshotRef): MetadataChange {
  const there = metadata.refs?.[name]
  if (sameRef(there, ref)) return { updates: [] }
  return {
    updates: [{ action: 'set-snapshot-ref', 'ref-name': name, ...ref }],
    requirements: [{ type: 'assert-ref-snapshot-id', ref: name, 'snapshot-id': there?.['snapshot-id'] ?? null }],
  }
}

/** Takes the snapshots that the source expired out of the merged table, but for those that something stands at. */
export function expiredSnapshots({ base, source }: TableSides, merged: TableMetadata): TableUpdate[] {
  const needed = new Set(Object.values(merged.refs ?? {}).map((ref) => ref['snapshot-id']))
  const ids = (base.snapshots ?? [])
    .map((snapshot) => snapshot['snapshot-id'])
    .filter((id) => !snapshotById(source, id) && snapshotById(merged, id) && !needed.has(id))
  return ids.length > 0 ? [{ action: 'remove-snapshots', 'snapshot-ids': ids }] : []
}

/** Statistics that the source made for snapshots that the merged table has. */
export function statisticsUpdates({ base, target, source }: TableSides, merged: TableMetadata): TableUpdate[] {
  const updates: TableUpdate[] = []
  const newer = <T extends { readonly 'snapshot-id': bigint }>(
    of: (metadata: TableMetadata) => readonly T[] | undefined,
  ) => {
    const find = (metadata: TableMetadata, id: bigint) => of(metadata)?.find((file) => file['snapshot-id'] === id)
    return (of(source) ?? []).filter((file) => {
      const id = file['snapshot-id']
      const [was, ours] = [find(base, id), find(target, id)]
      // Either side's are right, as snapshots do not change; the target's stay where it has some of its own.
      return !sameJson(file, was ?? null) && sameJson(ours ?? null, was ?? null) && snapshotById(merged, id)
    })
  }
  for (const statistics of newer((metadata) => metadata.statistics))
    updates.push({ action: 'set-statistics', statistics })
  for (const file of newer((metadata) => metadata['partition-statistics']))
    updates.push({ action: 'set-partition-statistics', 'partition-statistics': file })
  return updates
}

function sameRef(a: SnapshotRef | undefined, b: SnapshotRef | undefined): boolean {
  const keys = ['snapshot-id', 'type', 'min-snapshots-to-keep', 'max-snapshot-age-ms', 'max-ref-age-ms'] as const
  return keys.every((key) => a?.[key] === b?.[key])
}
