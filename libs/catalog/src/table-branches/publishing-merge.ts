import { randomUUID } from 'node:crypto'
import {
  type Catalog,
  type CommitInfo,
  formatIdentifier,
  type LoadedTable,
  mainBranch,
  type MergeOptions,
  type ObjectStore,
  PhloError,
  type TableIdentifier,
  type TableMerge,
} from '@phlo/ports'
import { refuseConflicts } from '../merge-plan.js'
import { inParallel } from '../in-parallel.js'
import { type BranchMerge, branchMerge, branchReplay } from './branch-merge.js'
import type { TableChange } from './branch-change.js'
import { tellPublication } from './publication.js'

/** A merge of a lake branch and main, ready to be committed. */
export interface PlannedMerge {
  readonly tables: readonly TableMerge[]
  readonly changes: readonly TableChange[]
  readonly commit: CommitInfo
  /** Deletes what was written for it. */
  readonly discard: () => Promise<void>
}

interface Lake {
  readonly catalog: Catalog
  readonly store: ObjectStore
}

/**
 * Plans what becomes of each of a branch's tables when main becomes what the branch is. Throws PHLO_MERGE_CONFLICT, with
 * `dryRun` it tells the conflicts instead.
 */
export async function planPublishing(
  lake: Lake,
  branch: string,
  tables: readonly LoadedTable[],
  options: MergeOptions,
): Promise<PlannedMerge> {
  const strategies = new Map(options.strategies?.map((item) => [formatIdentifier(item.identifier), item.strategy]))
  const plan = await planned(lake, { from: branch, into: mainBranch, tables, options }, ({ identifier, metadata }) =>
    branchMerge(
      lake.store,
      metadata,
      branch,
      strategies.get(formatIdentifier(identifier)) ?? options.strategy ?? 'rebase',
      options.sharedKey,
    ),
  )
  const told = tellPublication(plan.commit)
  return {
    ...plan,
    changes: plan.changes.map((change) => ({ ...change, updates: [...change.updates, told] })),
  }
}

/** Plans what becomes of each of a branch's tables when it is put on top of the present main. Throws as the other. */
export async function planReplay(
  lake: Lake,
  branch: string,
  tables: readonly LoadedTable[],
  options: MergeOptions,
): Promise<PlannedMerge> {
  return planned(lake, { from: mainBranch, into: branch, tables, options }, (table) =>
    branchReplay(lake.store, table, branch, options.sharedKey),
  )
}

async function planned(
  lake: Lake,
  {
    from,
    into,
    tables,
    options,
  }: {
    readonly from: string
    readonly into: string
    readonly tables: readonly LoadedTable[]
    readonly options: MergeOptions
  },
  plan: (table: LoadedTable) => Promise<BranchMerge | undefined>,
): Promise<PlannedMerge> {
  const found = await inParallel(tables, async (table) => {
    const merge = await plan(table)
    return merge && { identifier: table.identifier, merge }
  })
  const merges = found.filter((item) => item !== undefined).sort((a, b) => (name(a) < name(b) ? -1 : 1))
  const discard = async () => {
    for (const { merge } of merges) await merge.discard()
  }
  const commit: CommitInfo = {
    id: randomUUID().replaceAll('-', ''),
    parents: [],
    author: options.author ?? '',
    message: options.message ?? `Merge ${from} into ${into}`,
    time: new Date(),
    properties: options.properties ?? {},
  }
  const outcomes = merges.map(({ identifier, merge: { change, outcome, reason } }) => ({
    identifier,
    change,
    outcome,
    ...(reason !== undefined && { reason }),
  }))
  try {
    if (!options.dryRun) {
      refuseConflicts({ tables: outcomes, views: [], namespaces: [] }, `Cannot merge ${from} into ${into}`)
      requireOneCommit(
        lake.catalog,
        from === mainBranch ? into : from,
        merges.map(({ identifier }) => identifier),
      )
    }
  } catch (error) {
    await discard()
    throw error
  }
  const changes = merges.map(({ identifier, merge: { requirements, updates } }): TableChange => ({
    kind: 'table',
    identifier,
    requirements,
    updates,
  }))
  return { tables: outcomes, changes, commit, discard }
}

const name = ({ identifier }: { readonly identifier: TableIdentifier }) => formatIdentifier(identifier)

/** Throws PHLO_UNSUPPORTED for several tables where the server cannot change them at once. */
export function requireOneCommit(catalog: Catalog, branch: string, tables: readonly TableIdentifier[]): void {
  if (tables.length < 2 || catalog.supports.multiTableCommit) return
  const names = tables.map(formatIdentifier).join(', ')
  throw new PhloError('PHLO_UNSUPPORTED', `${branch} cannot bring several tables into main at once: ${names}`, {
    hint: 'The catalog’s server changes one table a commit. Run one asset at a time, or use a catalog that changes several.',
    context: { tables: tables.map(formatIdentifier) },
  })
}
