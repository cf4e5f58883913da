import type { DataFile, ManifestFile } from '../manifest/data-file.js'
import { fileContent, isDeletionVector } from '../manifest/data-file.js'
import { partitionKey } from '../manifest/partition-key.js'
import type { TableFiles } from '../manifest/table-files.js'
import { referencedDataFile } from '../scan/delete-index.js'
import { and, type BoundExpression } from '../scan/expression.js'
import { manifestMayMatch } from '../scan/pruning.js'
import type { SnapshotChange } from './snapshot-change.js'

/** Which live files of a manifest leave with a change. */
export interface LeavingFiles {
  /** `no` when the manifest certainly holds none, `paths` when columns' statistics need not be read to tell. */
  readonly mayHold: (manifest: ManifestFile) => 'no' | 'paths' | 'yes'
  /** Asked about live files of manifests that may hold one. */
  readonly matches: (file: DataFile, sequenceNumber: number, manifest: ManifestFile) => boolean
}

/** The files that the change itself names: by predicate, by path, or by the partitions of what it adds. */
export function namedByChange(change: SnapshotChange, files: TableFiles): LeavingFiles {
  const { remove, removePaths } = change
  const partitions = change.replacePartitions ? new AddedPartitions(change.add, files) : undefined
  const asked = new Map<ManifestFile, boolean>()
  const predicateMayHold = (manifest: ManifestFile): boolean => {
    const known = asked.get(manifest)
    if (known !== undefined) return known
    const answer = remove?.mayHold(manifest, files.spec(manifest.specId)) ?? false
    asked.set(manifest, answer)
    return answer
  }
  return {
    mayHold: (manifest) => {
      if (predicateMayHold(manifest)) return 'yes'
      return (removePaths && removePaths.size > 0) || partitions?.mayBeIn(manifest) ? 'paths' : 'no'
    },
    matches: (file, _, manifest) =>
      (removePaths?.has(file.path) ?? false) ||
      (partitions?.has(file) ?? false) ||
      (remove !== undefined && predicateMayHold(manifest) && remove.matches(file, files.spec(file.specId))),
  }
}

/** Delete files that nothing needs any more once data files have left, beside those that the change itself names. */
export function leavingDeletes(
  named: LeavingFiles,
  change: SnapshotChange,
  left: { readonly paths: ReadonlySet<string>; readonly leastSequenceNumber: number | undefined },
): LeavingFiles {
  const replaced = new Set(change.add.filter(isDeletionVector).map(({ referencedDataFile: path }) => path))
  const aimless = left.paths.size > 0 || replaced.size > 0
  const least = left.leastSequenceNumber ?? 0
  return {
    mayHold: (manifest) => {
      const answer = named.mayHold(manifest)
      return answer === 'no' && (aimless || manifest.minSequenceNumber < least) ? 'paths' : answer
    },
    matches: (file, sequenceNumber, manifest) => {
      // Deletes never apply to rows that are younger. Spec: "Scan Planning".
      if (sequenceNumber < least) return true
      const path = aimless && file.content === fileContent.positionDeletes ? referencedDataFile(file) : undefined
      if (path !== undefined && (left.paths.has(path) || replaced.has(path))) return true
      return named.mayHold(manifest) !== 'no' && named.matches(file, sequenceNumber, manifest)
    },
  }
}

/** The partitions of a change's data files; all of the table where a file is of a spec without fields. */
export class AddedPartitions {
  private readonly keys = new Set<string>()
  private readonly bySpec = new Map<number, BoundExpression[]>()
  private everything = false

  constructor(added: readonly DataFile[], files: TableFiles) {
    for (const file of added) {
      if (file.content !== fileContent.data) continue
      const spec = files.spec(file.specId)
      if (spec.length === 0) this.everything = true
      const key = keyOf(file)
      if (this.keys.has(key)) continue
      this.keys.add(key)
      const fields = spec.map(({ type }, fieldId): BoundExpression => {
        const value = file.partition[fieldId] ?? null
        return value === null ? { op: 'is-null', fieldId, type } : { op: 'eq', fieldId, type, value }
      })
      const known = this.bySpec.get(file.specId) ?? []
      this.bySpec.set(file.specId, [...known, fields.reduce(and, { op: 'true' })])
    }
  }

  has(file: DataFile): boolean {
    return this.everything || this.keys.has(keyOf(file))
  }

  /** False when no file of the manifest is in one of them. */
  mayBeIn(manifest: ManifestFile): boolean {
    if (this.everything) return true
    return (this.bySpec.get(manifest.specId) ?? []).some((wanted) => manifestMayMatch(wanted, manifest.partitions))
  }
}

function keyOf(file: DataFile): string {
  return `${file.specId} ${partitionKey(file)}`
}
