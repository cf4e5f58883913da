import { randomUUID } from 'node:crypto'
import {
  isPhloError,
  type ObjectStore,
  type PhloError,
  type SharedKeyLookup,
  type Snapshot,
  type TableMetadata,
  type TableUpdate,
} from '@phlo/ports'
import { TableTransaction } from '../commit/transaction.js'
import { TableFiles } from '../manifest/table-files.js'
import { ancestors } from '../metadata/ancestry.js'
import { sameJson } from '../metadata/json.js'
import { currentSchema, mainTableBranch, snapshotById } from '../metadata/metadata.js'
import type { SchemaChange } from '../schema/schema-change.js'
import { schemaChanges } from '../schema/schema-history.js'
import { type Parting, partingOf } from './branch-history.js'
import { BranchReplay } from './branch-replay.js'
import { netStep } from './net-step.js'
import { LayoutIds, layoutChanges, type TableSides } from './merged-layout.js'
import { changedRefs, expiredSnapshots, mergedRef, removedRefs, settingRef, statisticsUpdates } from './merged-refs.js'
import { readStep, type SnapshotStep } from './snapshot-step.js'
import { mergeConflict, type MergeConflictKind, type ReplayedSnapshot, type TableMerge } from './table-merge.js'

/** What is merged. */
export interface MergedStates {
  /** The table where the sides parted; without it, both made the table, and nothing can be merged. */
  readonly base?: TableMetadata | undefined
  /** The table that changes. */
  readonly target: TableMetadata
  /** The table whose changes since `base` the target is to have, too. */
  readonly source: TableMetadata
  /** Tells whether rows that both sides added have a key in common where bounds don't; without it, they may. */
  readonly sharedKey?: SharedKeyLookup | undefined
  /** Milliseconds since 1970. */
  readonly now?: number
}

/**
 * Brings what the source did since `base` onto the target as it is, without rewriting data: snapshots are taken over
 * where they come next, and done again otherwise, each checked as a commit that lost a race is. Columns, partitioning,
 * properties, refs and expiry are merged three-way. What the sides did that cannot stand together is the outcome
 * `conflict`; then nothing that was written stays. Reads the manifests that either side added.
 *
 * Throws what reading throws: PHLO_ICEBERG_INVALID, PHLO_OBJECT_NOT_FOUND.
 */
export async function mergeTable(store: ObjectStore, states: MergedStates): Promise<TableMerge> {
  const { base, target, source, sharedKey, now = Date.now() } = states
  if (sameState(source, target) || (base && sameState(source, base))) return { outcome: 'same' }
  if (target['table-uuid'] !== source['table-uuid'] || !base || base['table-uuid'] !== target['table-uuid'])
    return { outcome: 'conflict', kind: 'unrelated', reason: 'The sides are not states of one table', context: {} }
  const merge = new Merge(store, { base, target, source }, sharedKey, now)
  try {
    return await merge.run()
  } catch (error) {
    await merge.discard()
    return conflictOf(error)
  }
}

class Merge {
  private readonly store: ObjectStore
  private readonly sides: TableSides
  private readonly sharedKey: SharedKeyLookup | undefined
  private readonly transaction: TableTransaction
  private readonly replayed: ReplayedSnapshot[] = []
  private readonly written: string[] = []
  /** Snapshots of the source that are not of a branch which both sides have, and what they are in the merged table. */
  private readonly brought = new Map<bigint, bigint>()

  constructor(store: ObjectStore, sides: TableSides, sharedKey: SharedKeyLookup | undefined, now: number) {
    this.store = store
    this.sides = sides
    this.sharedKey = sharedKey
    this.transaction = TableTransaction.change(store, sides.target, now)
  }

  async run(): Promise<TableMerge> {
    const { transaction, sides } = this
    for (const change of layoutChanges(sides)) {
      try {
        transaction.change(() => change)
      } catch (error) {
        // Each side's layout is right; only together they are not.
        if (isPhloError(error, 'PHLO_ICEBERG_INVALID')) throw mergeConflict('schema', error.message, {}, error)
        throw error
      }
    }
    const { branches, tags } = changedRefs(sides)
    for (const name of branches) await this.mergeBranch(name)
    for (const name of tags) await this.mergeTag(name)
    transaction.change(() => removedRefs(sides))
    transaction.change((merged) => ({ updates: expiredSnapshots(sides, merged) }))
    transaction.change((merged) => ({ updates: statisticsUpdates(sides, merged) }))
    const { updates, requirements } = transaction
    if (updates.length === 0) return { outcome: 'same' }
    return { outcome: 'rebased', requirements, updates, replayed: this.replayed, discard: () => this.discard() }
  }

  /** Deletes what was written. */
  async discard(): Promise<void> {
    await this.transaction.discardAll()
    if (this.written.length > 0) await this.store.delete(this.written).catch(() => undefined)
  }

  private async mergeBranch(name: string): Promise<void> {
    const { base, target, source } = this.sides
    const headOf = (metadata: TableMetadata) => metadata.refs?.[name]?.['snapshot-id']
    const [was, ours, theirs] = [headOf(base), headOf(target), headOf(source) as bigint]
    if (was !== undefined && ours === undefined) throw this.removedOnTarget(name)
    if (ours === undefined && name !== mainTableBranch) return this.setRef(name, await this.bring(theirs))
    if (ours !== undefined && (theirs === was || theirs === ours)) return this.setRef(name, ours)
    const parting = partingOf({ base: [base, was], target: [target, ours], source: [source, theirs] })
    let head = ours
    if (parting.sourceWentBack) {
      head = parting.meeting ?? undefined
      if (ours !== was || head === undefined || !snapshotById(target, head))
        throw mergeConflict('history', `The source took ${name} back, and the target moved it`, { branch: name })
      this.setRef(name, head)
    }
    if (!this.takeOver(name, parting, head)) await this.replay(name, parting, head, parting.sourceWentBack)
    const now = this.transaction.metadata.refs?.[name]?.['snapshot-id']
    if (now !== undefined) this.setRef(name, now)
  }

  /**
   * The source's snapshot in the merged table: itself, or one that holds the same rows, made on top of the newest that it
   * came from and that the target has.
   */
  private async bring(id: bigint): Promise<bigint> {
    const { source } = this.sides
    const there = () => this.brought.get(id) ?? (snapshotById(this.transaction.metadata, id) ? id : undefined)
    const known = there()
    if (known !== undefined) return known
    const steps: Snapshot[] = []
    let from: bigint | undefined
    for (const snapshot of ancestors(source, id)) {
      if (snapshotById(this.transaction.metadata, snapshot['snapshot-id'])) {
        from = snapshot['snapshot-id']
        break
      }
      steps.unshift(snapshot)
    }
    if (from === undefined)
      throw mergeConflict('ref', `The target has no snapshot that snapshot ${id} came from`, { snapshot: id })
    const name = `merge-${randomUUID()}`
    const nothing = { incomplete: false, sourceWentBack: false, targetWentBack: false, seen: new Set<bigint>() }
    const parting: Parting = { ...nothing, steps, meeting: from }
    const set: TableUpdate = { action: 'set-snapshot-ref', 'ref-name': name, type: 'branch', 'snapshot-id': from }
    this.transaction.change(() => ({
      updates: [set],
      requirements: [{ type: 'assert-ref-snapshot-id', ref: name, 'snapshot-id': null }],
    }))
    await this.replay(name, parting, from, true)
    const made = this.transaction.metadata.refs?.[name]?.['snapshot-id'] as bigint
    this.transaction.change(() => ({ updates: [{ action: 'remove-snapshot-ref', 'ref-name': name }] }))
    this.brought.set(id, made)
    return made
  }

  /** Takes the source's snapshots as they are, where they come next and nobody has used their numbers. */
  private takeOver(name: string, parting: Parting, head: bigint | undefined): boolean {
    const { target, source } = this.sides
    const { metadata } = this.transaction
    const ids = new LayoutIds(source, metadata)
    if (parting.steps.length === 0 && !parting.incomplete) return true
    let previous = parting.meeting ?? undefined
    let [number, row] = [metadata['last-sequence-number'], metadata['next-row-id'] ?? 0]
    if (previous !== head || !ids.specsKeepIds || source['format-version'] !== target['format-version']) return false
    if (source['format-version'] === 1 || this.stricter(target)) return false
    for (const snapshot of parting.steps) {
      if ((snapshot['parent-snapshot-id'] ?? undefined) !== previous) return false
      if ((snapshot['sequence-number'] ?? 0) <= number || (snapshot['first-row-id'] ?? row) < row) return false
      previous = snapshot['snapshot-id']
      number = snapshot['sequence-number'] ?? 0
      row = (snapshot['first-row-id'] ?? row) + (snapshot['added-rows'] ?? 0)
    }
    for (const snapshot of parting.steps) {
      const schema = snapshot['schema-id'] === undefined ? undefined : ids.schema(snapshot['schema-id'])
      const { 'schema-id': _, ...rest } = snapshot
      this.transaction.change(() => ({
        updates: [
          { action: 'add-snapshot', snapshot: { ...rest, ...(schema !== undefined && { 'schema-id': schema }) } },
        ],
      }))
      this.remember(name, snapshot, snapshot['snapshot-id'])
    }
    this.setRef(name, previous as bigint)
    return true
  }

  private async replay(name: string, parting: Parting, head: bigint | undefined, isAlone: boolean): Promise<void> {
    const { source, base } = this.sides
    const files = new TableFiles(this.store, source)
    const steps: SnapshotStep[] = []
    if (parting.incomplete) steps.push(await netStep(this.store, { base, source, branch: name }))
    else for (const snapshot of parting.steps) steps.push(await readStep(files, snapshot))
    this.requireRoomForRows(steps, parting, name)
    const branch = { name, parting, head, isAlone }
    const replay = new BranchReplay(this.store, this.sides, this.transaction, branch, this.sharedKey)
    try {
      const made = await replay.replay(steps)
      for (const [index, { snapshot }] of steps.entries()) this.remember(name, snapshot, made[index] as bigint)
    } finally {
      this.written.push(...replay.written)
    }
  }

  /** Rows of the one side have to fit columns that the other one made stricter. */
  private requireRoomForRows(steps: readonly SnapshotStep[], { meeting }: Parting, branch: string): void {
    const { target, source } = this.sides
    const refuse = (side: string, found: SchemaChange | undefined) => {
      if (found)
        throw mergeConflict('schema', `The ${side} made ${found.column} stricter, and the other side wrote rows`, {
          column: found.column,
        })
    }
    if (steps.some(({ addedData }) => addedData.length > 0)) refuse('target', this.stricter(target))
    const moved = (target.refs?.[branch]?.['snapshot-id'] ?? null) !== meeting
    if (moved) refuse('source', this.stricter(source))
  }

  /** A change of the side's columns that rows may not fit which were written for the base's. */
  private stricter(side: TableMetadata): SchemaChange | undefined {
    return schemaChanges(currentSchema(this.sides.base), currentSchema(side)).find(
      (change) => change.class === 'breaking' && change.change !== 'drop',
    )
  }

  private async mergeTag(name: string): Promise<void> {
    const { base, target, source } = this.sides
    const at = (metadata: TableMetadata) => metadata.refs?.[name]?.['snapshot-id']
    const [was, ours, theirs] = [at(base), at(target), at(source) as bigint]
    if (was !== undefined && ours === undefined) throw this.removedOnTarget(name)
    if (ours !== undefined && theirs === was) return this.setRef(name, ours)
    const id = await this.bring(theirs)
    if (ours !== undefined && ours !== was && ours !== id)
      throw mergeConflict('ref', `Both sides moved ${name}`, { ref: name })
    this.setRef(name, id)
  }

  private removedOnTarget(ref: string): PhloError {
    return mergeConflict('ref', `The target removed ${ref}, which the source changed`, { ref })
  }

  private setRef(name: string, id: bigint): void {
    const ref = mergedRef(this.sides, name, id)
    this.transaction.change((metadata) => settingRef(metadata, name, ref))
  }

  private remember(branch: string, source: Snapshot, target: bigint): void {
    this.replayed.push({ branch, source: source['snapshot-id'], target })
  }
}

/** What a reader or a writer of the table could tell apart. */
function sameState(a: TableMetadata, b: TableMetadata): boolean {
  const told = ({ 'last-updated-ms': _, 'metadata-log': __, 'snapshot-log': ___, ...rest }: TableMetadata) => rest
  return a === b || sameJson(told(a), told(b))
}

function conflictOf(error: unknown): TableMerge {
  if (isPhloError(error, 'PHLO_MERGE_CONFLICT')) {
    const { kind, ...context } = error.context as { readonly kind: MergeConflictKind }
    return { outcome: 'conflict', kind, reason: error.message, context }
  }
  if (isPhloError(error, 'PHLO_COMMIT_CONFLICT'))
    return { outcome: 'conflict', kind: 'rows', reason: error.message, context: { ...error.context } }
  throw error
}
