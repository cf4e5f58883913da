import type { ObjectStore, SharedKeyLookup, Snapshot, TableMetadata } from '@phlo/ports'
import { ConcurrentChanges, type ConcurrentVector } from '../commit/concurrent-changes.js'
import type { AddedFile, CommitValidation, RowRegion } from '../commit/snapshot-change.js'
import { summaryKeys } from '../commit/snapshot-summary.js'
import type { TableTransaction } from '../commit/transaction.js'
import { type DataFile, fileContent, isDeletionVector } from '../manifest/data-file.js'
import { bringsRowIds } from '../manifest/row-lineage.js'
import { TableFiles } from '../manifest/table-files.js'
import { snapshotsBetween } from '../metadata/ancestry.js'
import { currentSchema } from '../metadata/metadata.js'
import { referencedDataFile } from '../scan/delete-index.js'
import type { Parting } from './branch-history.js'
import { LayoutIds, type TableSides } from './merged-layout.js'
import { type FilesApart, keyName, requireOtherKeys } from './other-keys.js'
import { everywhere, ofSameFiles, partitionsOf, sameKeys } from './row-regions.js'
import type { SnapshotStep, StepFile } from './snapshot-step.js'
import { mergeConflict } from './table-merge.js'
import { uniteVectors } from './vector-union.js'

/** One branch of the table, on which a merge does again what the source did. */
export interface ReplayedBranch {
  readonly name: string
  readonly parting: Parting
  /** Where it stands on the target, or is to begin. */
  readonly head: bigint | undefined
  /** The target did nothing there since `parting.meeting`. */
  readonly isAlone: boolean
}

/**
 * Does steps of the source again on a branch of the target. What the target did meanwhile is looked at in the manifests
 * that it added. Throws PHLO_MERGE_CONFLICT, and PHLO_COMMIT_CONFLICT as every commit does.
 */
export class BranchReplay {
  private readonly store: ObjectStore
  private readonly sides: TableSides
  private readonly transaction: TableTransaction
  private readonly branch: ReplayedBranch
  private readonly sharedKey: SharedKeyLookup | undefined
  private readonly ids: LayoutIds
  /** What the target did that the source does not know, `undefined` when its snapshots no longer tell. */
  private readonly unseen: readonly Snapshot[] | undefined
  private vectors: Promise<Map<string, ConcurrentVector>> | undefined
  /** Sequence numbers of the source, and those of the snapshots that do the same on the target; ascending. */
  private readonly numbers: { readonly source: number; readonly target: number }[] = []
  /** Data files that the source added since the sides parted. */
  private readonly ownFiles = new Set<string>()
  /** Keys of data files that were written. */
  readonly written: string[] = []

  constructor(
    store: ObjectStore,
    sides: TableSides,
    transaction: TableTransaction,
    branch: ReplayedBranch,
    sharedKey: SharedKeyLookup | undefined,
  ) {
    this.store = store
    this.sides = sides
    this.transaction = transaction
    this.branch = branch
    this.sharedKey = sharedKey
    this.ids = new LayoutIds(sides.source, transaction.metadata)
    const { parting, head } = branch
    const between = branch.isAlone ? [] : snapshotsBetween(sides.target, parting.meeting ?? undefined, head)
    this.unseen = between?.filter((snapshot) => !parting.seen.has(snapshot['snapshot-id']))
  }

  /** Ids of the fields that rows of the branch are told apart by: the table's own, and those of merges by key. */
  private keys(steps: readonly SnapshotStep[]): number[][] {
    const identifiers = [this.transaction.metadata, this.sides.target, this.sides.source].map(
      (metadata) => currentSchema(metadata)['identifier-field-ids'] ?? [],
    )
    const merged = [...(this.unseen ?? []), ...steps.map(({ snapshot }) => snapshot)].map(mergeKeysOf)
    const found = [...identifiers, ...merged].filter((ids) => ids.length > 0)
    return [...new Map(found.map((ids) => [ids.join(), [...ids]])).values()]
  }

  /** Ids of the target's snapshots, in the order of the steps. */
  async replay(steps: readonly SnapshotStep[]): Promise<bigint[]> {
    const keys = this.keys(steps)
    const made: bigint[] = []
    for (const step of steps) made.push(await this.replayStep(step, keys))
    return made
  }

  private async replayStep(step: SnapshotStep, keys: readonly (readonly number[])[]): Promise<bigint> {
    const { transaction, branch } = this
    const { metadata } = transaction
    const files = new TableFiles(this.store, metadata)
    const data = step.addedData.map((item) => this.translated(item))
    const appends = step.operation !== 'replace' && isAppend(step)
    if (branch.parting.targetWentBack && !appends)
      throw mergeConflict('history', 'The target went back behind what the source changed', { branch: branch.name })
    this.requireOwnRowIds(step)
    for (const { file } of step.addedData) this.ownFiles.add(file.path)
    // Also for appends: what has expired may have been a merge by key.
    if (!this.unseen)
      throw mergeConflict('history', 'The target no longer tells what it did since the sides parted', {
        branch: branch.name,
      })
    const concurrent = new ConcurrentChanges(files, this.unseen)
    const compared = step.operation === 'replace' ? [] : data
    const apart = await requireOtherKeys(concurrent, keys, compared, files, this.sharedKey)
    const { deletes, united, key } = await uniteVectors(
      this.store,
      metadata,
      {
        deletes: step.addedDeletes.map((item) => this.translated(item)),
        superseded: step.removedDeletes,
        withRows: data.length > 0 && step.operation !== 'replace',
      },
      step.addedDeletes.some(({ file }) => isDeletionVector(file)) ? await this.theirVectors(concurrent) : new Map(),
    )
    if (key !== undefined) this.written.push(key)
    const touched = [...step.addedData, ...step.addedDeletes].map(({ file }) => file)
    const region = this.regionOf(
      step,
      [...touched, ...step.removedData].map((file) => this.remapped(file)),
      { data, deletes, apart },
      files,
    )
    await this.requireKnownRows(concurrent, step, deletes, region)
    const removePaths = new Set(step.removedData.map(({ path }) => path))
    // Deletes that are not needed any more go by themselves; only a rewrite of deletes alone is about them.
    if (step.operation === 'replace' && step.removedData.length === 0)
      for (const { path } of step.removedDeletes) removePaths.add(path)
    const id = await transaction.addSnapshot({
      branch: branch.name,
      add: [...data, ...deletes],
      operation: step.operation,
      removePaths,
      ...(!appends && !branch.isAlone && { validation: this.validation(step, region, united, deletes) }),
      summary: step.summary,
    })
    const numberOf = (snapshots: TableMetadata['snapshots']) =>
      snapshots?.find((snapshot) => snapshot['snapshot-id'] === id)?.['sequence-number'] ?? 0
    this.numbers.push({
      source: step.snapshot['sequence-number'] ?? 0,
      target: numberOf(transaction.metadata.snapshots),
    })
    return id
  }

  /** What no commit need ask: it knows the rows that its deletes delete. */
  private async requireKnownRows(
    concurrent: ConcurrentChanges,
    step: SnapshotStep,
    deletes: readonly AddedFile[],
    region: RowRegion,
  ): Promise<void> {
    const refuse = (file: DataFile | undefined, what: string) => {
      if (file) throw mergeConflict('rows', `The target ${what}: ${file.path}`, { file: file.path })
    }
    const byValue = deletes.filter(({ content }) => content === fileContent.equalityDeletes)
    refuse(await concurrent.addedFor(byValue), 'added rows that the source deletes by their values')
    const changed = 'may have changed rows that the source deletes'
    if (byValue.length > 0) {
      refuse(await concurrent.replacedData({ region }), changed)
      refuse(await concurrent.replacingDeletes({ region }), changed)
    }
    const byPosition = deletes.filter((file) => file.content === fileContent.positionDeletes && !isDeletionVector(file))
    if (byPosition.some((file) => referencedDataFile(file) === undefined))
      refuse(await concurrent.removedData({ region }), 'removed a file of which the source may delete rows')
    if (byPosition.length > 0)
      refuse(await concurrent.replacingDeletes({ region: ofSameFiles(byPosition, region) }), changed)
    const late = step.addedData.some(
      ({ sequenceNumber = 0 }) => sequenceNumber > this.sides.base['last-sequence-number'],
    )
    if (step.operation === 'replace' && late) {
      const removed = step.removedData.map((file) => this.remapped(file))
      refuse(
        await concurrent.deletedFrom(removed, { op: 'true' }, { ignoreEqualityDeletes: false }),
        'deleted rows of a file that the source wrote anew',
      )
    }
  }

  private validation(
    step: SnapshotStep,
    region: RowRegion,
    united: ReadonlySet<string>,
    deletes: readonly AddedFile[],
  ): CommitValidation {
    const exact = deletes.every(isDeletionVector)
    const named = deletes.flatMap((file) => referencedDataFile(file) ?? [])
    return {
      from: this.branch.parting.meeting,
      seen: this.branch.parting.seen,
      isolation: this.isolation(step),
      within: region,
      referencedPaths: new Set(named),
      ...(exact && { united }),
    }
  }

  /** As the table says, where the source's snapshot was not one that replaces what it does not name. */
  private isolation({ snapshot, addedData }: SnapshotStep): 'serializable' | 'snapshot' {
    const { summary } = snapshot
    if (summary?.[summaryKeys.replacePartitions] === 'true' || summary?.[summaryKeys.replaces] !== undefined)
      return 'serializable'
    // Where rows are deleted by copying the others, nothing tells that from other changes.
    const changing = mergeKeysOf(snapshot).length > 0 ? ['merge'] : ['delete', 'update', 'merge']
    const kinds = addedData.length === 0 ? ['delete'] : changing
    const levels = kinds.map((kind) => this.sides.target.properties?.[`write.${kind}.isolation-level`])
    return levels.every((level) => level === 'snapshot') ? 'snapshot' : 'serializable'
  }

  /** Where the rows are that a step is about. */
  private regionOf(
    step: SnapshotStep,
    touched: readonly DataFile[],
    {
      data,
      deletes,
      apart,
    }: { readonly data: readonly DataFile[]; readonly deletes: readonly DataFile[]; readonly apart: FilesApart },
    files: TableFiles,
  ): RowRegion {
    if (step.snapshot.summary?.[summaryKeys.replaces] === 'table') return everywhere
    const keys = mergeKeysOf(step.snapshot)
    return keys.length > 0
      ? sameKeys(keys, data, deletes, files, apart.get(keyName(keys)))
      : partitionsOf(touched, files)
  }

  /**
   * New versions of rows carry the ids that the source gave them, and the target may have given those to other rows.
   * Spec: "Row Lineage".
   */
  private requireOwnRowIds(step: SnapshotStep): void {
    const { source, base } = this.sides
    if (source['format-version'] < 3 || step.addedData.length === 0) return
    if (step.snapshot.summary?.[summaryKeys.replacePartitions] === 'true') return
    const versionsOf = [
      ...step.removedData.map(({ path }) => path),
      ...step.addedDeletes.map(({ file }) => referencedDataFile(file)),
    ]
    const file = versionsOf.find((path) => path !== undefined && this.ownFiles.has(path))
    if (file === undefined) return
    // Ids from there on were given out by each side for itself.
    const brings = step.addedData.map((added) => bringsRowIds(added.file, base['next-row-id'] ?? 0))
    if (brings.every((answer) => answer === false)) return
    throw mergeConflict('row-lineage', `The source changed rows that are its own since the sides parted: ${file}`, {
      file,
    })
  }

  private theirVectors(concurrent: ConcurrentChanges): Promise<Map<string, ConcurrentVector>> {
    this.vectors ??= concurrent.vectors()
    return this.vectors
  }

  private translated({ file, sequenceNumber }: StepFile): AddedFile {
    return {
      ...this.remapped(file),
      ...(sequenceNumber !== undefined && { sequenceNumber: this.numberOnTarget(sequenceNumber) }),
    }
  }

  /** The file with the target's ids of partition spec and sort order. */
  private remapped({ sortOrderId, ...file }: DataFile): DataFile {
    const order = sortOrderId === undefined ? undefined : this.ids.order(sortOrderId)
    return { ...file, specId: this.ids.spec(file.specId), ...(order !== undefined && { sortOrderId: order }) }
  }

  private numberOnTarget(sequenceNumber: number): number {
    const replayed = this.numbers.findLast(({ source }) => source <= sequenceNumber)
    return replayed?.target ?? Math.min(sequenceNumber, this.sides.base['last-sequence-number'])
  }
}

function mergeKeysOf({ summary }: Snapshot): number[] {
  const text = summary?.[summaryKeys.mergeKeys]
  const ids = text === undefined ? [] : text.split(',').map(Number)
  return ids.every((id) => Number.isSafeInteger(id)) ? ids : []
}

function isAppend({ snapshot, addedDeletes, removedData, removedDeletes }: SnapshotStep): boolean {
  return (
    snapshot.summary?.[summaryKeys.replaces] === undefined &&
    snapshot.summary?.[summaryKeys.replacePartitions] !== 'true' &&
    mergeKeysOf(snapshot).length === 0 &&
    addedDeletes.length + removedData.length + removedDeletes.length === 0
  )
}
