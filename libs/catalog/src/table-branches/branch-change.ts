import { applyUpdates, checkRequirements, mainTableBranch } from '@phlo/iceberg'
import {
  type CatalogChange,
  formatIdentifier,
  PhloError,
  type TableMetadata,
  type TableRequirement,
  type TableUpdate,
} from '@phlo/ports'
import { type BranchRecord, isRecord, newRecord, readRecord, writeRecord } from './branch-record.js'
import { onBranch, stands } from './branch-view.js'

export type TableChange = Extract<CatalogChange, { readonly kind: 'table' }>

/** These only become true on main when the branch is published; until then the record has them. */
const kept: ReadonlySet<TableUpdate['action']> = new Set([
  'set-current-schema',
  'set-default-spec',
  'set-default-sort-order',
  'set-properties',
  'remove-properties',
])

/** These change what main has, too, and cannot wait: other updates of the commit depend on them. */
const refused: ReadonlySet<TableUpdate['action']> = new Set([
  'upgrade-format-version',
  'set-location',
  'remove-snapshots',
  'remove-schemas',
  'remove-partition-specs',
])

/**
 * A change of the table on a lake branch, as one of the table that leaves main's state alone. `table` is the table as
 * the server has it, if it does; `start` is what of it a branch parts from that has not changed it yet. Throws PHLO_UNSUPPORTED for updates that cannot be kept from main, and
 * PHLO_COMMIT_CONFLICT when a requirement does not hold on the branch.
 */
export function branchChange(
  table: TableMetadata | undefined,
  branch: string,
  change: TableChange,
  start = table,
): TableChange {
  const { identifier, requirements, updates } = change
  const name = formatIdentifier(identifier)
  const known = table && readRecord(table, branch)
  const main = known ? table : start
  const view = known ? onBranch(table, branch) : start
  checkRequirements(view, requirements, name)
  if (!table && !requirements.some(({ type }) => type === 'assert-create'))
    throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${name}`)
  const atOnce = table && updates.find(({ action }) => refused.has(action))
  if (atOnce)
    throw new PhloError(
      'PHLO_UNSUPPORTED',
      `${atOnce.action} of ${name} on the branch ${branch} would change main at once: the catalog has no branches`,
      { hint: 'Do it on main.' },
    )
  const after = applyUpdates(view, updates, { now: Date.now() })
  const moved = updates.map((update) => onTableBranch(update, branch))
  // A new table has the layout that it was made with; nobody has read it yet.
  const passed = moved.filter(({ action }) => !kept.has(action) || (!table && !action.endsWith('-properties')))
  const record = known ?? newRecord(main ?? { ...after, refs: {}, properties: {} })
  return {
    kind: 'table',
    identifier,
    requirements: table ? branchRequirements(table, branch, updates) : requirements,
    updates: [
      ...passed,
      ...headUpdate(table, after, branch, passed),
      writeRecord(branch, recordOf(record, main, after)),
    ],
  }
}

/** A new table's layout. */
const layout: ReadonlySet<TableUpdate['action']> = new Set([
  'assign-uuid',
  'upgrade-format-version',
  'set-location',
  'add-schema',
  'set-current-schema',
  'add-spec',
  'set-default-spec',
  'add-sort-order',
  'set-default-sort-order',
])

/**
 * The making of a table, as a change of its own that comes first, and what is left to do to it: servers make no tables
 * in a commit of several.
 */
export function creationFirst(change: TableChange): { readonly creation: TableChange; readonly rest: TableChange } {
  const isLayout = ({ action }: TableUpdate) => layout.has(action)
  return {
    creation: { ...change, updates: change.updates.filter(isLayout) },
    rest: { ...change, requirements: [], updates: change.updates.filter((update) => !isLayout(update)) },
  }
}

function onTableBranch(update: TableUpdate, branch: string): TableUpdate {
  const isRef = update.action === 'set-snapshot-ref' || update.action === 'remove-snapshot-ref'
  return isRef && update['ref-name'] === mainTableBranch ? { ...update, 'ref-name': branch } : update
}

/** A branch that parts from main without a snapshot of its own starts with main's. */
function headUpdate(
  table: TableMetadata | undefined,
  after: TableMetadata,
  branch: string,
  updates: readonly TableUpdate[],
): TableUpdate[] {
  const head = after.refs?.[mainTableBranch]?.['snapshot-id']
  const isSet = updates.some((update) => 'ref-name' in update && update['ref-name'] === branch)
  if (isSet || head === undefined || table?.refs?.[branch]) return []
  return [{ action: 'set-snapshot-ref', 'ref-name': branch, type: 'branch', 'snapshot-id': head }]
}

function recordOf(record: BranchRecord, table: TableMetadata | undefined, after: TableMetadata): BranchRecord {
  const [was, is] = [table?.properties ?? {}, after.properties ?? {}]
  const properties: Record<string, readonly [string | null, string | null]> = {}
  for (const key of new Set([...Object.keys(record.properties), ...Object.keys(was), ...Object.keys(is)])) {
    const known = record.properties[key]
    const [before, now] = [known ? known[0] : (was[key] ?? null), is[key] ?? null]
    if (before !== now && !isRecord(key)) properties[key] = [before, now]
  }
  return {
    head: record.head,
    schema: [record.schema[0], after['current-schema-id']],
    spec: [record.spec[0], after['default-spec-id']],
    order: [record.order[0], after['default-sort-order-id']],
    properties,
  }
}

/** What must hold of the table so that the change on its branch is the one that was asked for. */
function branchRequirements(table: TableMetadata, branch: string, updates: readonly TableUpdate[]): TableRequirement[] {
  const adds = (action: TableUpdate['action']) => updates.some((update) => update.action === action)
  return [
    { type: 'assert-table-uuid', uuid: table['table-uuid'] },
    stands(table, branch),
    ...(readRecord(table, branch) ? [] : [stands(table, mainTableBranch)]),
    ...(adds('add-schema')
      ? [{ type: 'assert-last-assigned-field-id', 'last-assigned-field-id': table['last-column-id'] } as const]
      : []),
    ...(adds('add-spec')
      ? [
          {
            type: 'assert-last-assigned-partition-id',
            'last-assigned-partition-id': table['last-partition-id'],
          } as const,
        ]
      : []),
  ]
}
