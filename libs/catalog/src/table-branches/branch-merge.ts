import { applyUpdates, mainTableBranch, mergeTable } from '@phlo/iceberg'
import {
  type LoadedTable,
  type MergeOutcome,
  type MergeStrategy,
  type ObjectStore,
  type SharedKeyLookup,
  type TableMetadata,
  type TableRequirement,
  type TableUpdate,
} from '@phlo/ports'
import { branchChange } from './branch-change.js'
import { type BranchRecord, readRecord } from './branch-record.js'
import { forgetting, onBranch, publishing, stands, whenParted, withoutBranch } from './branch-view.js'

/** What publishing a branch, or putting it on top of the present main, does to one table. */
export interface BranchMerge {
  readonly change: 'added' | 'changed'
  readonly outcome: MergeOutcome
  /** Why it is a conflict. */
  readonly reason?: string
  readonly requirements: readonly TableRequirement[]
  readonly updates: readonly TableUpdate[]
  /** Deletes the metadata files that were written for it. */
  readonly discard: () => Promise<void>
}

const nothingWritten = () => Promise.resolve()

/**
 * Main becomes what the branch is; where main moved since they parted, the strategy says what happens. Throws
 * PHLO_ICEBERG_INVALID. `undefined` for a table that the branch has not changed.
 */
export async function branchMerge(
  store: ObjectStore,
  table: TableMetadata,
  branch: string,
  strategy: MergeStrategy,
  sharedKey?: SharedKeyLookup,
): Promise<BranchMerge | undefined> {
  const record = readRecord(table, branch)
  if (!record) return undefined
  const change = record.head === null ? 'added' : 'changed'
  const requirements = presentState(table, branch)
  const plain = { change, requirements, discard: nothingWritten } as const
  if (strategy === 'theirs' || !hasMoved(table, record))
    return { ...plain, outcome: 'taken', updates: publishing(table, branch, record) }
  if (strategy === 'ours') return { ...plain, outcome: 'kept', updates: forgetting(table, branch) }
  const merged =
    strategy === 'fail'
      ? { reason: 'both sides changed it' }
      : await onPresentMain(store, table, branch, record, sharedKey)
  if ('reason' in merged) return { ...plain, outcome: 'conflict', reason: merged.reason, updates: [] }
  const { updates, discard } = merged
  const outcome = updates.length === 0 ? 'kept' : 'rebased'
  return { ...plain, outcome, updates: [...updates, ...forgetting(table, branch)], discard }
}

/**
 * The branch's change is put on top of the present main, on the branch: main stays as it is. Throws
 * PHLO_ICEBERG_INVALID. `undefined` for a table that the branch has not changed, or main has not since.
 */
export async function branchReplay(
  store: ObjectStore,
  { identifier, metadata: table }: LoadedTable,
  branch: string,
  sharedKey?: SharedKeyLookup,
): Promise<BranchMerge | undefined> {
  const record = readRecord(table, branch)
  if (!record || !hasMoved(table, record)) return undefined
  const plain = { change: 'changed', requirements: presentState(table, branch) } as const
  const merged = await onPresentMain(store, table, branch, record, sharedKey)
  if ('reason' in merged)
    return { ...plain, outcome: 'conflict', reason: merged.reason, updates: [], discard: nothingWritten }
  const { updates, discard } = merged
  const anew = { kind: 'table', identifier, requirements: [], updates } as const
  const change = branchChange(withoutBranch(table, branch), branch, anew)
  return { ...plain, outcome: updates.length === 0 ? 'taken' : 'rebased', updates: change.updates, discard }
}

/** What the branch's change is on top of the present main; nothing where main has it already. */
async function onPresentMain(
  store: ObjectStore,
  table: TableMetadata,
  branch: string,
  record: BranchRecord,
  sharedKey: SharedKeyLookup | undefined,
): Promise<
  { readonly reason: string } | { readonly updates: readonly TableUpdate[]; readonly discard: BranchMerge['discard'] }
> {
  const base = whenParted(table, branch, record)
  if (!base) return { reason: 'The snapshot that the branch parted from has expired' }
  const [target, source] = [withoutBranch(table, branch), onBranch(table, branch)]
  const merged = await mergeTable(store, { base, target, source, sharedKey })
  if (merged.outcome === 'conflict') return { reason: merged.reason }
  if (merged.outcome === 'same') return { updates: [], discard: nothingWritten }
  return { updates: byId(target, merged.updates), discard: merged.discard }
}

/** Main is another one than when the branch parted from it, in what the branch goes by. */
function hasMoved(main: TableMetadata, { head, schema, spec, order, properties }: BranchRecord): boolean {
  return (
    (main.refs?.[mainTableBranch]?.['snapshot-id'] ?? null) !== head ||
    main['current-schema-id'] !== schema[0] ||
    main['default-spec-id'] !== spec[0] ||
    main['default-sort-order-id'] !== order[0] ||
    Object.entries(properties).some(([key, [was]]) => (main.properties?.[key] ?? null) !== was)
  )
}

/**
 * Names schemas, specs and orders that the table has by their ids: servers that are given one of those once more add none,
 * and then don't know what was added last.
 */
function byId(table: TableMetadata, updates: readonly TableUpdate[]): TableUpdate[] {
  const after = applyUpdates(table, updates, { now: Date.now() })
  const isKnown = {
    schema: after.schemas.length === table.schemas.length,
    spec: after['partition-specs'].length === table['partition-specs'].length,
    order: after['sort-orders'].length === table['sort-orders'].length,
  }
  return updates.flatMap((update): TableUpdate[] => {
    switch (update.action) {
      case 'add-schema':
        return isKnown.schema ? [] : [update]
      case 'set-current-schema':
        return [isKnown.schema ? { ...update, 'schema-id': after['current-schema-id'] } : update]
      case 'add-spec':
        return isKnown.spec ? [] : [update]
      case 'set-default-spec':
        return [isKnown.spec ? { ...update, 'spec-id': after['default-spec-id'] } : update]
      case 'add-sort-order':
        return isKnown.order ? [] : [update]
      case 'set-default-sort-order':
        return [isKnown.order ? { ...update, 'sort-order-id': after['default-sort-order-id'] } : update]
      default:
        return [update]
    }
  })
}

function presentState(table: TableMetadata, branch: string): TableRequirement[] {
  return [
    { type: 'assert-table-uuid', uuid: table['table-uuid'] },
    stands(table, mainTableBranch),
    stands(table, branch),
    { type: 'assert-current-schema-id', 'current-schema-id': table['current-schema-id'] },
    { type: 'assert-default-spec-id', 'default-spec-id': table['default-spec-id'] },
    { type: 'assert-default-sort-order-id', 'default-sort-order-id': table['default-sort-order-id'] },
  ]
}
