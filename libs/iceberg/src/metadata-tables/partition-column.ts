import type { NestedField, TableMetadata } from '@phlo/ports'
import type { DataFile } from '../manifest/data-file.js'
import type { TableFiles } from '../manifest/table-files.js'
import { currentSchema } from '../metadata/metadata.js'
import type { BoundPartitionField } from '../partition/partition-spec.js'
import { sourceIds } from '../partition/transform.js'
import { indexById } from '../schema/schema.js'
import { formatPrimitive } from '../types/primitive.js'
import { decodeValue, formatValue } from '../types/value.js'
import { type MetadataValue, optional } from './columns.js'

/**
 * The fields of all of a table's partition specs as one struct, so that files of different specs fit into one table. A
 * field has its youngest name. Fields of columns that were dropped are left out, and those of unknown transforms.
 */
export class PartitionColumn {
  /** The struct's fields; none for a table that never was partitioned. */
  readonly fields: readonly NestedField[]
  private readonly files: TableFiles

  constructor(metadata: TableMetadata, files: TableFiles) {
    this.files = files
    const columns = indexById(currentSchema(metadata))
    const found = new Map<number, BoundPartitionField & { readonly name: string }>()
    const youngestFirst = metadata['partition-specs'].toSorted((a, b) => b['spec-id'] - a['spec-id'])
    for (const { 'spec-id': id, fields } of youngestFirst) {
      const isActive = fields.map((field) => sourceIds(field).every((source) => columns.has(source)))
      for (const [index, bound] of (isActive.some(Boolean) ? files.spec(id) : []).entries()) {
        if (isActive[index] !== true || bound.transform.kind === 'unknown') continue
        const known = found.get(bound.field['field-id'])
        // Version 1 leaves a void field where one was dropped; its values are those of before.
        if (!known || (known.transform.kind === 'void' && bound.transform.kind !== 'void'))
          found.set(bound.field['field-id'], { ...bound, name: known?.name ?? bound.field.name })
      }
    }
    this.fields = [...found]
      .sort(([a], [b]) => a - b)
      .map(([id, { name, type }]) => optional(id, name, formatPrimitive(type)))
  }

  /** The struct's values for a file. */
  valueOf(file: Pick<DataFile, 'specId' | 'partition'>): { readonly [field: string]: MetadataValue } {
    const values = new Map(
      this.files.spec(file.specId).map(({ field }, index) => [field['field-id'], file.partition[index] ?? null]),
    )
    return Object.fromEntries(this.fields.map(({ id, name }) => [name, values.get(id) ?? null]))
  }
}

/** A bound of a manifest's partition summary as people read it: `2024-03` for a month, `2024-03-01-13` for an hour. */
export function readableBound({ transform, type }: BoundPartitionField, bound: Uint8Array | undefined): string | null {
  if (bound === undefined || type.kind === 'unknown') return null
  const value = decodeValue(type, bound)
  return transform.kind === 'year' || transform.kind === 'month' || transform.kind === 'hour'
    ? readableTime(transform.kind, Number(value))
    : formatValue(type, value)
}

function readableTime(kind: 'year' | 'month' | 'hour', value: number): string {
  const text = (days: number) => formatValue({ kind: 'date' }, days)
  if (kind === 'hour') {
    const day = Math.floor(value / 24)
    return `${text(day)}-${String(value - day * 24).padStart(2, '0')}`
  }
  const months = kind === 'year' ? value * 12 : value
  const year = 1970 + Math.floor(months / 12)
  const first = text(firstDay(year, months - Math.floor(months / 12) * 12))
  return first.slice(0, kind === 'year' ? -6 : -3)
}

/** Days from 1970 to the first of a month, which is counted from 0. */
function firstDay(year: number, month: number): number {
  const era = Math.floor(year / 400)
  // The calendar repeats every 400 years, of 146,097 days; 2000 is the start of one of them.
  return Date.UTC(2000 + year - era * 400, month, 1) / 86_400_000 + (era - 5) * 146_097
}
