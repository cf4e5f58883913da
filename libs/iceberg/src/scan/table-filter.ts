import { entryStatus, type ManifestEntry, type ManifestFile } from '../manifest/data-file.js'
import type { TableFiles } from '../manifest/table-files.js'
import type { BoundExpression } from './expression.js'
import { equalityMayMatch } from './pruning.js'
import { SpecFilter } from './residual.js'
import type { ScanMetrics } from './scan-metrics.js'

/** A filter on rows, made ready for all of a table's manifests. It is bound to the schema that `files` wants values in. */
export class TableFilter {
  readonly filter: BoundExpression
  private readonly files: TableFiles
  private readonly bySpec = new Map<number, SpecFilter>()

  constructor(files: TableFiles, filter: BoundExpression) {
    this.files = files
    this.filter = filter
  }

  ofSpec(specId: number): SpecFilter {
    let found = this.bySpec.get(specId)
    if (!found) {
      found = new SpecFilter(this.filter, this.files.spec(specId))
      this.bySpec.set(specId, found)
    }
    return found
  }

  /** May the manifest list a file with a wanted row? "No" is certain. */
  mayHold(manifest: ManifestFile): boolean {
    return this.ofSpec(manifest.specId).mayHold(manifest)
  }

  /**
   * The entries of delete manifests that may delete wanted rows of data files with at least that sequence number; also
   * entries that a snapshot marks as deleted.
   */
  async *deletes(
    manifests: readonly ManifestFile[],
    oldest: number,
    metrics?: ScanMetrics,
  ): AsyncGenerator<ManifestEntry> {
    const wanted = manifests.filter((manifest) => {
      if (manifest.content !== 1) return false
      const read = manifest.sequenceNumber >= oldest && this.mayHold(manifest)
      metrics?.manifest(manifest, read)
      return read
    })
    for await (const { manifest, entries } of this.files.open(wanted)) {
      const specFilter = this.ofSpec(manifest.specId)
      for (const entry of entries) {
        const { file, sequenceNumber } = entry
        if (isLive(entry)) metrics?.deleteFile()
        if (sequenceNumber < oldest || !specFilter.partitionMayMatch(file.partition)) continue
        if (equalityMayMatch(this.filter, file)) yield entry
      }
    }
  }
}

/** Does the manifest list files that are part of the table, as far as its counts tell? */
export function hasLiveFiles(manifest: ManifestFile): boolean {
  return manifest.addedFiles !== 0 || manifest.existingFiles !== 0
}

export function isLive(entry: Pick<ManifestEntry, 'status'>): boolean {
  return entry.status !== entryStatus.deleted
}
