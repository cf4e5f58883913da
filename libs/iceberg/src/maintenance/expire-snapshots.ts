import { type ObjectStore, PhloError, type TableMetadata, type TableRequirement, type TableUpdate } from '@phlo/ports'
import { applyUpdates } from '../metadata/updates.js'
import { type RemovedFiles, removeFiles } from './file-removal.js'
import { type MaintainedTable, withRetries } from './maintained-table.js'
import { type Expired, expiredBy, type RetentionPolicy } from './retention.js'
import { filesOnlyOf, type TableFile } from './table-contents.js'

export interface ExpiryOptions extends RetentionPolicy {
  /**
   * Deletes the files that no snapshot needs any more. Without it only the metadata changes, for tables whose files
   * something else may need: other commits of a versioned catalog, for instance. Default true.
   */
  readonly deleteFiles?: boolean
  /** Default: the present time. Milliseconds since 1970. */
  readonly now?: number
}

/** What an expiry would do. */
export interface ExpiryPlan extends Expired {
  readonly updates: readonly TableUpdate[]
  readonly requirements: readonly TableRequirement[]
}

export interface ExpiryResult extends Expired {
  /** What became of the files, where they were to be deleted. */
  readonly files?: RemovedFiles
}

/**
 * Says which snapshots and refs an expiry would remove, from metadata alone. Throws as {@link expireSnapshots} does.
 */
export function planExpiry(metadata: TableMetadata, options: ExpiryOptions = {}): ExpiryPlan {
  if (options.deleteFiles !== false && metadata.properties?.['gc.enabled'] === 'false') {
    throw new PhloError('PHLO_MAINTENANCE_REFUSED', 'The table’s property gc.enabled forbids deleting its files', {
      hint: 'Its files may belong to other tables. Expire its metadata only, or set gc.enabled to true.',
    })
  }
  const { snapshotIds, refs } = expiredBy(metadata, options, options.now ?? Date.now())
  return {
    snapshotIds,
    refs,
    updates: [
      ...refs.map((name) => ({ action: 'remove-snapshot-ref' as const, 'ref-name': name })),
      ...(snapshotIds.length > 0 ? [{ action: 'remove-snapshots' as const, 'snapshot-ids': snapshotIds }] : []),
    ],
    // A branch that moved meanwhile may stand at what was about to go.
    requirements: [
      { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
      ...Object.entries(metadata.refs ?? {}).map(([ref, at]) => ({
        type: 'assert-ref-snapshot-id' as const,
        ref,
        'snapshot-id': at['snapshot-id'],
      })),
    ],
  }
}

/** The files that nobody would need after the plan, one at a time, with bounded memory. */
export function filesExpiredBy(
  store: ObjectStore,
  metadata: TableMetadata,
  plan: ExpiryPlan,
): AsyncGenerator<TableFile> {
  return filesOnlyOf(store, metadata, applyUpdates(metadata, plan.updates, { now: metadata['last-updated-ms'] }))
}

/**
 * Removes old snapshots and refs from a table, and then the files that nobody reaches any more. Files are deleted only
 * after the commit that stops referring to them is known to have succeeded; an interruption in between leaves files
 * that nothing refers to, which the removal of orphans finds.
 *
 * Throws PHLO_SNAPSHOT_NOT_FOUND, PHLO_MAINTENANCE_REFUSED, and PHLO_COMMIT_CONFLICT after many lost races.
 * Spec: "Snapshot Retention Policy".
 */
export async function expireSnapshots(table: MaintainedTable, options: ExpiryOptions = {}): Promise<ExpiryResult> {
  return withRetries(table, async (before) => {
    const { snapshotIds, refs, updates, requirements } = planExpiry(before, options)
    if (updates.length === 0) return { snapshotIds, refs }
    const after = await table.commit(requirements, updates)
    if (options.deleteFiles === false) return { snapshotIds, refs }
    return { snapshotIds, refs, files: await removeFiles(table.store, filesOnlyOf(table.store, before, after)) }
  })
}
