import { mainTableBranch, parseJson, serializeJson } from '@phlo/iceberg'
import { PhloError, type TableMetadata, type TableUpdate } from '@phlo/ports'

/** Before and after; `null` where there is none. */
type Change<T> = readonly [was: T, is: T]

/**
 * What a lake branch knows of one table beyond the snapshots of the table branch: where main stood when they parted, and
 * what is true of the table on the branch and not yet on main.
 */
export interface BranchRecord {
  /** Main's snapshot when the branch parted from it. */
  readonly head: bigint | null
  readonly schema: Change<number>
  readonly spec: Change<number>
  readonly order: Change<number>
  readonly properties: Readonly<Record<string, Change<string | null>>>
}

const recordPrefix = 'phlo.branch.'

/** The table property that keeps the record. */
export const recordProperty = (branch: string) => `${recordPrefix}${branch}`

/** Lake branches on which the table was changed. */
export function branchesOf({ properties = {} }: TableMetadata): string[] {
  return Object.keys(properties)
    .filter((key) => key.startsWith(recordPrefix))
    .map((key) => key.slice(recordPrefix.length))
}

/** A property that the branches keep for themselves. */
export const isRecord = (property: string) => property.startsWith(recordPrefix)

export function newRecord(main: TableMetadata): BranchRecord {
  const both = (id: number) => [id, id] as const
  return {
    head: main.refs?.[mainTableBranch]?.['snapshot-id'] ?? null,
    schema: both(main['current-schema-id']),
    spec: both(main['default-spec-id']),
    order: both(main['default-sort-order-id']),
    properties: {},
  }
}

/** Throws PHLO_ICEBERG_INVALID for a property that something else wrote. */
export function readRecord(metadata: TableMetadata, branch: string): BranchRecord | undefined {
  const text = metadata.properties?.[recordProperty(branch)]
  if (text === undefined) return undefined
  const what = `property ${recordProperty(branch)}`
  const record = parseJson(text, what)
  if (isBranchRecord(record)) return { ...record, head: record.head === null ? null : BigInt(record.head) }
  throw new PhloError(
    'PHLO_ICEBERG_INVALID',
    `The ${what} of the table at ${metadata.location} is not what a branch writes`,
  )
}

export function writeRecord(branch: string, record: BranchRecord): TableUpdate {
  return { action: 'set-properties', updates: { [recordProperty(branch)]: serializeJson(record) } }
}

type Written = Omit<BranchRecord, 'head'> & { readonly head: bigint | number | null }

function isBranchRecord(value: unknown): value is Written {
  if (typeof value !== 'object' || value === null) return false
  const { head, schema, spec, order, properties } = value as Partial<Record<keyof BranchRecord, unknown>>
  const isHead = head === null || typeof head === 'bigint' || Number.isSafeInteger(head)
  const isText = (item: unknown) => item === null || typeof item === 'string'
  if (!isHead || ![schema, spec, order].every((change) => isChange(change, Number.isSafeInteger))) return false
  if (typeof properties !== 'object' || properties === null) return false
  return Object.values(properties).every((change) => isChange(change, isText))
}

function isChange(value: unknown, isSide: (side: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length === 2 && value.every(isSide)
}
