import { randomUUID } from 'node:crypto'
import {
  type Catalog,
  type CatalogChange,
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
import { branchMerge } from './branch-merge.js'
import { inParallel } from '../in-parallel.js'
import { tellPublication } from './publication.js'

/** The merge of a lake branch into main, ready to be committed. */
export interface PublishingMerge {
  readonly tables: readonly TableMerge[]
  readonly changes: readonly CatalogChange[]
  readonly commit: CommitInfo
  /** Deletes what was written for it. */
  readonly discard: () => Promise<void>
}

/** Plans what becomes of each table. Throws PHLO_MERGE_CONFLICT, with `dryRun` it tells the conflicts instead. */
export async function planPublishing(
  lake: { readonly catalog: Catalog; readonly store: ObjectStore },
  branch: string,
  tables: readonly LoadedTable[],
  options: MergeOptions,
): Promise<PublishingMerge> {
  const strategies = new Map(options.strategies?.map((item) => [formatIdentifier(item.identifier), item.strategy]))
  const planned = await inParallel(tables, async ({ identifier, metadata }) => {
    const strategy = strategies.get(formatIdentifier(identifier)) ?? options.strategy ?? 'rebase'
    const merge = await branchMerge(lake.store, metadata, branch, strategy, options.sharedKey)
    return merge && { identifier, merge }
  })
  const merges = planned.filter((item) => item !== undefined)
  const discard = async () => {
    for (const { merge } of merges) await merge.discard()
  }
  const commit: CommitInfo = {
    id: randomUUID().replaceAll('-', ''),
    parents: [],
    author: options.author ?? '',
    message: options.message ?? `Merge ${branch} into ${mainBranch}`,
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
      refuseConflicts({ tables: outcomes, views: [], namespaces: [] }, `Cannot merge ${branch} into ${mainBranch}`)
      requireOneCommit(
        lake.catalog,
        branch,
        merges.map(({ identifier }) => identifier),
      )
    }
  } catch (error) {
    await discard()
    throw error
  }
  const changes = merges.map(({ identifier, merge: { requirements, updates } }): CatalogChange => ({
    kind: 'table',
    identifier,
    requirements,
    updates: [...updates, tellPublication(commit)],
  }))
  return { tables: outcomes, changes, commit, discard }
}

/** Throws PHLO_UNSUPPORTED for several tables where the server cannot change them at once. */
export function requireOneCommit(catalog: Catalog, branch: string, tables: readonly TableIdentifier[]): void {
  if (tables.length < 2 || catalog.supports.multiTableCommit) return
  const names = tables.map(formatIdentifier).join(', ')
  throw new PhloError('PHLO_UNSUPPORTED', `${branch} cannot bring several tables into main at once: ${names}`, {
    hint: 'The catalog’s server changes one table a commit. Run one asset at a time, or use a catalog that changes several.',
    context: { tables: tables.map(formatIdentifier) },
  })
}
