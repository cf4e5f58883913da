import type { SnapshotOperation } from '@phlo/ports'
import type { DataFile, ManifestFile } from '../manifest/data-file.js'
import type { BoundPartitionField } from '../partition/partition-spec.js'
import type { Expression } from '../scan/expression.js'

/** A file that a commit adds. */
export interface AddedFile extends DataFile {
  /**
   * The data sequence number where it is not the commit's own: of rewritten rows, so that deletes made since still apply
   * to them. Spec: "Sequence Numbers".
   */
  readonly sequenceNumber?: number
}

/** Live files for which `matches` answers true leave the table. Manifests for which `mayHold` answers false are not read. */
export interface FileRemoval {
  readonly mayHold: (manifest: ManifestFile, spec: readonly BoundPartitionField[]) => boolean
  readonly matches: (file: DataFile, spec: readonly BoundPartitionField[]) => boolean
}

/** A part of a table's rows, by the files that may hold them. */
export interface RowRegion {
  /** False when no file of the manifest may hold one. */
  readonly mayBeIn: (manifest: ManifestFile) => boolean
  readonly has: (file: DataFile) => boolean
  /** Ids of the fields whose statistics `has` looks at. */
  readonly columns?: readonly number[]
}

/** How much of what others commit meanwhile stands against a change that removes rows or replaces them. */
export interface CommitValidation {
  /**
   * `serializable`: rows that were added or deleted within the filter; `snapshot`: only deletes, as rows that came later
   * were not seen anyway; `none`: neither, the last writer wins. Default `serializable`.
   *
   * Whatever it is: removed paths, rewritten files and the data files that new deletes refer to have to be as they were.
   */
  readonly isolation?: 'serializable' | 'snapshot' | 'none'
  /** Changes of rows that certainly do not meet it are no conflict. Default: every row is of interest. */
  readonly filter?: Expression
  /**
   * The snapshot of the branch that was read to make the change, `null` when there was none. Default: that at the
   * transaction's start.
   */
  readonly from?: bigint | null
  /** Data files that new delete files refer to, beside those that the delete files name themselves. */
  readonly referencedPaths?: ReadonlySet<string>
  /** Where the rows are that the change is about, instead of `filter`. */
  readonly within?: RowRegion
  /** Snapshots since `from` that the change was made with knowledge of. */
  readonly seen?: ReadonlySet<bigint>
  /**
   * Data files whose new deletion vectors hold what others deleted meanwhile, too. Given at all, it says that the change
   * knows every row that it deletes by a vector.
   */
  readonly united?: ReadonlySet<string>
}

/** What a new snapshot does to the one before. */
export interface SnapshotChange {
  /** The table's branch that moves. Default `main`. */
  readonly branch?: string
  /** Lets the branch begin at main's snapshot when it is not there. Default false: PHLO_REF_NOT_FOUND. */
  readonly createBranch?: boolean
  /**
   * Data and delete files, of any of the table's partition specs. A deletion vector takes the place of the deletes that
   * its data file alone had, which it has to contain.
   */
  readonly add: readonly AddedFile[]
  /** Data and delete files that leave. Delete files that are about leaving data files alone leave with them. */
  readonly remove?: FileRemoval
  /**
   * URIs of data and delete files that leave, every one of which must be there; a missing one is PHLO_COMMIT_CONFLICT. A
   * Puffin file stands for all vectors in it.
   */
  readonly removePaths?: ReadonlySet<string>
  /** Removes what is in the partitions of the data files that are added: a dynamic overwrite. Default false. */
  readonly replacePartitions?: boolean
  /** False for a fast append: no small manifests are merged, whatever the table's properties say. Default true. */
  readonly mergeManifests?: boolean
  /**
   * Told to whoever merges the snapshot with others later: that it replaced rows whatever they were, of the whole table or
   * of partitions, also where there were none.
   */
  readonly replaces?: 'table' | 'partitions'
  /** Told in the same way: ids of the fields by whose values rows were merged into the table. */
  readonly mergedBy?: readonly number[]
  /** Which changes of others stand against this one. Without it, none against an append. */
  readonly validation?: CommitValidation
  /** Default: by what is added and removed. `replace` is for a rewrite of the same rows. Spec: "Snapshots", `operation`. */
  readonly operation?: SnapshotOperation
  /**
   * Leaves the branch where it is: the snapshot waits under this id to be looked at and published. Readers do not see it.
   * Its summary has the id as `wap.id`.
   */
  readonly stagedAs?: string
  /** Added to the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>
}
