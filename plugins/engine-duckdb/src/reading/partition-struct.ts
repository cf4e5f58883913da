import { bindTableSpec, type DataFile, formatPrimitive, type Primitive } from '@phlo/iceberg'
import type { TableMetadata } from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'
import { duckdbType } from '../duckdb-types.js'
import { valueLiteral } from './constants.js'

/** How partitions of a table are told in SQL. */
export interface PartitionStruct {
  /** DuckDB's type of `_partition`. */
  readonly type: string
  value(file: Pick<DataFile, 'specId' | 'partition'>): string
}

/** One field for each partition field that any spec of the table has. Spec: "Partition Evolution". */
export function partitionStruct(metadata: TableMetadata): PartitionStruct {
  const specs = new Map(
    metadata['partition-specs'].map((spec) => [spec['spec-id'], bindTableSpec(metadata, spec['spec-id'])]),
  )
  const fields = new Map<number, { name: string; type: Primitive }>()
  for (const spec of specs.values())
    for (const { field, type } of spec) fields.set(field['field-id'], { name: field.name, type })
  if (fields.size === 0) return { type: 'INTEGER', value: () => 'NULL' }
  const types = [...fields.values()].map(({ name, type }) => `${identifier(name)} ${duckdbType(formatPrimitive(type))}`)
  return {
    type: `STRUCT(${types.join(', ')})`,
    value: ({ specId, partition }) => {
      const spec = specs.get(specId) ?? []
      const values = [...fields].map(([id, { name, type }]) => {
        const index = spec.findIndex(({ field }) => field['field-id'] === id)
        return `${identifier(name)} := ${valueLiteral(type, partition[index] ?? null)}`
      })
      return `struct_pack(${values.join(', ')})`
    },
  }
}
