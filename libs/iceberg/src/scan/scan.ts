import type { ObjectStore, TableMetadata } from '@phlo/ports'
import { type DataFile, entryStatus, type ManifestEntry, type ManifestFile } from '../manifest/data-file.js'
import type { EntryGlance } from '../manifest/entry-glance.js'
import type { ManifestProjection } from '../manifest/manifest.js'
import { TableFiles } from '../manifest/table-files.js'
import { type SnapshotSelection, selectSnapshot } from '../metadata/select-snapshot.js'
import { type DeleteFile, DeleteIndex } from './delete-index.js'
import {
  type BindOptions,
  type BoundExpression,
  bindExpression,
  type Expression,
  referencedFields,
} from './expression.js'
import { equalityMayMatch } from './pruning.js'
import { SpecFilter } from './residual.js'

/** A data file to read. */
export interface ScanTask {
  readonly file: DataFile
  /** The file's data sequence number, which is its rows' `_last_updated_sequence_number`. Spec: "Sequence Numbers". */
  readonly sequenceNumber: number
  /** What may delete rows of the file. */
  readonly deletes: readonly DeleteFile[]
  /** What is left of the filter for the file's rows: `true` when all of them meet it. */
  readonly residual: BoundExpression
}

/** What to read; without a snapshot, time or ref, the table's main branch. */
export type ScanOptions = SnapshotSelection &
  BindOptions & {
    /** Files that certainly hold no row that meets it are left out. */
    readonly filter?: Expression
  }

/**
 * The data files that a read needs, found by manifest list, then manifest, then file, one at a time. At most a few
 * manifests are held in memory, and the delete files that can matter. A table without a snapshot has none.
 * Throws PHLO_ICEBERG_INVALID for a filter that does not bind, PHLO_SNAPSHOT_NOT_FOUND and PHLO_REF_NOT_FOUND.
 * Spec: "Scan Planning".
 */
export async function* planScan(
  store: ObjectStore,
  metadata: TableMetadata,
  options: ScanOptions = {},
): AsyncGenerator<ScanTask> {
  const { snapshot, schema } = selectSnapshot(metadata, options)
  const filter = bindExpression(options.filter ?? { op: 'true' }, schema, options)
  if (!snapshot || filter.op === 'false') return
  // Filter and partition values have to be of the same types, which change when columns are widened.
  const files = new TableFiles(store, metadata, schema)
  const planner = new ScanPlanner(files, filter)
  yield* planner.plan(await files.manifests(snapshot))
}

/** Plans reads of some of a table's manifests with one filter, bound to the schema that `files` wants values in. */
export class ScanPlanner {
  private readonly files: TableFiles
  private readonly filter: BoundExpression
  private readonly specFilters = new Map<number, SpecFilter>()

  constructor(files: TableFiles, filter: BoundExpression) {
    this.files = files
    this.filter = filter
  }

  /** Tasks for the live files of the data manifests, with the deletes that the others list. */
  async *plan(manifests: readonly ManifestFile[]): AsyncGenerator<ScanTask> {
    const wanted = manifests.filter((manifest) => this.mayHold(manifest))
    const data = wanted.filter(({ content }) => content === 0)
    const deletes = await this.deleteIndex(wanted, data)
    const statistics = new Set([...referencedFields(this.filter), ...(deletes?.equalityColumns ?? [])])
    // Told by the glance at the entry that comes next.
    let residual = this.filter
    const projectionOf = ({ specId }: ManifestFile): ManifestProjection => {
      if (this.filter.op === 'true') return { statistics }
      const specFilter = this.specFilter(specId)
      const keep = (entry: EntryGlance) => {
        if (entry.status === entryStatus.deleted) return false
        residual = specFilter.residual(entry)
        return residual.op !== 'false'
      }
      return { statistics, keep }
    }
    for await (const { entries } of this.files.open(data, projectionOf)) {
      for (const { status, file, sequenceNumber } of entries)
        if (status !== entryStatus.deleted)
          yield { file, sequenceNumber, deletes: deletes?.of(file, sequenceNumber) ?? [], residual }
    }
  }

  /** May the manifest list a live file that matters? */
  private mayHold(manifest: ManifestFile): boolean {
    return (
      !(manifest.addedFiles === 0 && manifest.existingFiles === 0) && this.specFilter(manifest.specId).mayHold(manifest)
    )
  }

  private specFilter(specId: number): SpecFilter {
    let specFilter = this.specFilters.get(specId)
    if (!specFilter) {
      specFilter = new SpecFilter(this.filter, this.files.spec(specId))
      this.specFilters.set(specId, specFilter)
    }
    return specFilter
  }

  /** The deletes that can apply to files of the data manifests; `undefined` when there are none. */
  private async deleteIndex(
    manifests: readonly ManifestFile[],
    data: readonly ManifestFile[],
  ): Promise<DeleteIndex | undefined> {
    // Deletes from before the oldest file apply to none.
    const oldest = data.reduce((lowest, { minSequenceNumber }) => Math.min(lowest, minSequenceNumber), Infinity)
    const wanted = manifests.filter(({ content, sequenceNumber }) => content === 1 && sequenceNumber >= oldest)
    if (wanted.length === 0) return undefined
    const kept: ManifestEntry[] = []
    for await (const { manifest, entries } of this.files.open(wanted)) {
      const specFilter = this.specFilter(manifest.specId)
      for (const entry of entries) {
        const { status, file, sequenceNumber } = entry
        if (status === entryStatus.deleted || sequenceNumber < oldest) continue
        if (specFilter.partitionMayMatch(file.partition) && equalityMayMatch(this.filter, file)) kept.push(entry)
      }
    }
    if (kept.length === 0) return undefined
    return new DeleteIndex(kept, this.files)
  }
}
