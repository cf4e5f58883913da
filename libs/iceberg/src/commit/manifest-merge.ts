import { entryStatus, type ManifestFile } from '../manifest/data-file.js'
import type { NewManifestEntry } from '../manifest/manifest.js'
import type { TableFiles } from '../manifest/table-files.js'
import { booleanProperty, numberProperty } from '../metadata/properties.js'
import { type ManifestWriter, targetManifestSize, unassigned } from './manifest-writer.js'

/**
 * Merges small manifests into ones of about the target size, so that their number stays small however many commits a
 * table has had. Rules and properties are the reference implementation's.
 */
export class ManifestMerge {
  /** By the paths of what was merged: a retry finds most of it as it was. */
  private readonly merged = new Map<string, ManifestFile>()

  private readonly writer: ManifestWriter
  private readonly snapshotId: bigint

  constructor(writer: ManifestWriter, snapshotId: bigint) {
    this.writer = writer
    this.snapshotId = snapshotId
  }

  /** `manifests` are all of data files or all of delete files, the commit's new ones first. */
  async merge(files: TableFiles, manifests: readonly ManifestFile[]): Promise<ManifestFile[]> {
    const { metadata } = files
    const [first] = manifests
    if (!first || !booleanProperty(metadata, 'commit.manifest-merge.enabled', true)) return [...manifests]
    const least = numberProperty(metadata, 'commit.manifest.min-count-to-merge', 100)
    const result: ManifestFile[] = []
    for (const group of bySpec(manifests)) {
      for (const bin of packFromEnd(group, targetManifestSize(metadata))) {
        // Only the bin with the newest waits to be worth it; older ones had their time.
        const waits = bin.length === 1 || (bin.includes(first) && bin.length < least)
        if (waits) result.push(...bin)
        else result.push(await this.mergeBin(files, bin))
      }
    }
    return result
  }

  private async mergeBin(files: TableFiles, bin: readonly ManifestFile[]): Promise<ManifestFile> {
    const key = bin.map(({ path }) => path).join('\n')
    const known = this.merged.get(key)
    if (known) return known
    // The commit's own manifests are among them.
    await this.writer.settled()
    const entries: NewManifestEntry[] = []
    for (const manifest of bin) {
      for await (const entry of files.entries(manifest)) {
        const own = entry.snapshotId === this.snapshotId
        // What other snapshots deleted is their history.
        if (entry.status === entryStatus.deleted && !own) continue
        const { sequenceNumber, fileSequenceNumber, ...rest } = entry
        entries.push({
          ...rest,
          status: own ? entry.status : entryStatus.existing,
          ...(sequenceNumber !== unassigned && { sequenceNumber }),
          ...(fileSequenceNumber !== unassigned && { fileSequenceNumber }),
        })
      }
    }
    const [{ specId, content }] = bin as [ManifestFile]
    const merged = await this.writer.write(files.metadata, specId, content === 0 ? 'data' : 'deletes', entries)
    this.merged.set(key, merged)
    return merged
  }
}

function bySpec(manifests: readonly ManifestFile[]): ManifestFile[][] {
  const groups = new Map<number, ManifestFile[]>()
  for (const manifest of manifests) {
    const group = groups.get(manifest.specId)
    if (group) group.push(manifest)
    else groups.set(manifest.specId, [manifest])
  }
  return [...groups].sort(([a], [b]) => b - a).map(([, group]) => group)
}

/** Neighbours up to the size together, in order; the one that is not filled up is the first, which grows next. */
function packFromEnd(manifests: readonly ManifestFile[], size: number): ManifestFile[][] {
  const bins: ManifestFile[][] = []
  let current: ManifestFile[] = []
  let length = 0
  for (const manifest of manifests.toReversed()) {
    if (current.length > 0 && length + manifest.length > size) {
      bins.unshift(current)
      current = []
      length = 0
    }
    current.unshift(manifest)
    length += manifest.length
  }
  if (current.length > 0) bins.unshift(current)
  return bins
}
