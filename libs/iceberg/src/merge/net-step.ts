import type { ObjectStore, Snapshot } from '@phlo/ports'
import { summaryKeys } from '../commit/snapshot-summary.js'
import { fileContent } from '../manifest/data-file.js'
import { refSnapshot } from '../metadata/metadata.js'
import { changedEntries } from './changed-entries.js'
import type { TableSides } from './merged-layout.js'
import { type SnapshotStep, stepOf } from './snapshot-step.js'
import { mergeConflict } from './table-merge.js'

/**
 * All that the source did to a branch as one step, where some of its snapshots have expired. As they no longer tell what
 * was meant, it counts as a replacement of the whole table. Throws PHLO_MERGE_CONFLICT where the order of what was done
 * matters.
 */
export async function netStep(
  store: ObjectStore,
  { base, source, branch }: Pick<TableSides, 'base' | 'source'> & { readonly branch: string },
): Promise<SnapshotStep> {
  const head = refSnapshot(source, branch) as Snapshot
  const { before, after } = await changedEntries(
    store,
    { metadata: base, snapshot: refSnapshot(base, branch) },
    { metadata: source, snapshot: head },
  )
  const added = after.map(({ file }) => file)
  const addsData = added.some(({ content }) => content === fileContent.data)
  const refuse = (kind: 'history' | 'row-lineage', reason: string) => mergeConflict(kind, reason, { branch })
  if (addsData && added.some(({ content }) => content === fileContent.equalityDeletes))
    throw refuse('history', 'Snapshots of the source that deleted rows by their values have expired')
  if (addsData && source['format-version'] >= 3)
    throw refuse('row-lineage', 'Snapshots of the source that would tell which rows are new have expired')
  return stepOf(
    { ...head, summary: { ...head.summary, operation: 'overwrite', [summaryKeys.replaces]: 'table' } },
    added.map((file) => ({ file })),
    before.map(({ file }) => file),
  )
}
