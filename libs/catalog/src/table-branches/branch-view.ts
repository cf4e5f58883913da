import { applyUpdates, mainTableBranch } from '@phlo/iceberg'
import type { TableMetadata, TableRequirement, TableUpdate } from '@phlo/ports'
import { type BranchRecord, isRecord, readRecord, recordProperty } from './branch-record.js'
import { publicationProperty } from './publication.js'

/** The table as it is on the lake branch: main's where the branch has not changed it. Throws PHLO_ICEBERG_INVALID. */
export function onBranch(table: TableMetadata, branch: string): TableMetadata {
  const record = readRecord(table, branch)
  return record ? updated(table, publishing(table, branch, record)) : table
}

/** What the table was on main when somebody looked. */
export interface SeenMain {
  readonly head: bigint | null
  /** None where there was no table: a branch may have it in any layout. */
  readonly layout?: { readonly schema: number; readonly spec: number; readonly order: number }
  readonly properties: Readonly<Record<string, string>>
}

export function seenMain(table: TableMetadata | undefined): SeenMain {
  if (!table) return { head: null, properties: {} }
  const head = table.refs?.[mainTableBranch]?.['snapshot-id'] ?? null
  return { head, layout: layoutOf(table), properties: ownProperties(table) }
}

function layoutOf(table: TableMetadata) {
  return {
    schema: table['current-schema-id'],
    spec: table['default-spec-id'],
    order: table['default-sort-order-id'],
  }
}

/** The table as it was on main when somebody looked; `undefined` where that snapshot has expired. */
export function asSeen(table: TableMetadata, { head, layout, properties }: SeenMain): TableMetadata | undefined {
  if (head !== null && !table.snapshots?.some((snapshot) => snapshot['snapshot-id'] === head)) return undefined
  const removals = Object.keys(ownProperties(table)).filter((key) => properties[key] === undefined)
  return updated(table, [
    ...state(table, { ...(layout ?? layoutOf(table)), head }),
    ...(removals.length > 0 ? [{ action: 'remove-properties', removals } as const] : []),
    { action: 'set-properties', updates: properties },
  ])
}

/** The table's properties but those that branches keep for themselves. */
export function ownProperties({ properties = {} }: TableMetadata): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(properties).filter(([key]) => !isRecord(key) && key !== publicationProperty))
}

/** The table as it was on main when the branch parted from it; `undefined` where that snapshot has expired. */
export function whenParted(table: TableMetadata, branch: string, record: BranchRecord): TableMetadata | undefined {
  const { head, schema, spec, order, properties } = record
  if (head !== null && !table.snapshots?.some((snapshot) => snapshot['snapshot-id'] === head)) return undefined
  const side = state(table, { head, schema: schema[0], spec: spec[0], order: order[0] })
  return updated(table, [...side, ...forgetting(table, branch), ...propertyUpdates(properties, 0)])
}

/** The table as it is on main, with nothing of the branch but its snapshots. */
export function withoutBranch(table: TableMetadata, branch: string): TableMetadata {
  return updated(table, forgetting(table, branch))
}

/** What makes the branch's state that of main, and lets go of the branch. */
export function publishing(table: TableMetadata, branch: string, record: BranchRecord): TableUpdate[] {
  const { schema, spec, order, properties } = record
  const head = table.refs?.[branch]?.['snapshot-id'] ?? null
  const side = state(table, { head, schema: schema[1], spec: spec[1], order: order[1] })
  return [...side, ...forgetting(table, branch), ...propertyUpdates(properties, 1)]
}

/** What takes the branch out of the table. */
export function forgetting(table: TableMetadata, branch: string): TableUpdate[] {
  return [
    ...(table.refs?.[branch] ? [{ action: 'remove-snapshot-ref', 'ref-name': branch } as const] : []),
    { action: 'remove-properties', removals: [recordProperty(branch)] },
  ]
}

/** The table branch is where it is in this state of the table. */
export function stands(table: TableMetadata, ref: string): TableRequirement {
  return { type: 'assert-ref-snapshot-id', ref, 'snapshot-id': table.refs?.[ref]?.['snapshot-id'] ?? null }
}

interface State {
  readonly head: bigint | null
  readonly schema: number
  readonly spec: number
  readonly order: number
}

function state(table: TableMetadata, { head, schema, spec, order }: State): TableUpdate[] {
  const updates: TableUpdate[] = []
  const main = table.refs?.[mainTableBranch]
  if (head === null && main) updates.push({ action: 'remove-snapshot-ref', 'ref-name': mainTableBranch })
  if (head !== null && head !== main?.['snapshot-id'])
    updates.push({
      action: 'set-snapshot-ref',
      'ref-name': mainTableBranch,
      type: 'branch',
      ...main,
      'snapshot-id': head,
    })
  if (schema !== table['current-schema-id']) updates.push({ action: 'set-current-schema', 'schema-id': schema })
  if (spec !== table['default-spec-id']) updates.push({ action: 'set-default-spec', 'spec-id': spec })
  if (order !== table['default-sort-order-id'])
    updates.push({ action: 'set-default-sort-order', 'sort-order-id': order })
  return updates
}

function propertyUpdates(properties: BranchRecord['properties'], side: 0 | 1): TableUpdate[] {
  const entries = Object.entries(properties).map(([key, change]) => [key, change[side]] as const)
  const set = entries.filter((entry): entry is readonly [string, string] => entry[1] !== null)
  const removals = entries.filter(([, value]) => value === null).map(([key]) => key)
  return [
    ...(set.length > 0 ? [{ action: 'set-properties', updates: Object.fromEntries(set) } as const] : []),
    ...(removals.length > 0 ? [{ action: 'remove-properties', removals } as const] : []),
  ]
}

function updated(table: TableMetadata, updates: readonly TableUpdate[]): TableMetadata {
  return applyUpdates(table, updates, { now: table['last-updated-ms'] })
}
