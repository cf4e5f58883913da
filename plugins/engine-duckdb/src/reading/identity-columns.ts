import { bindTableSpec, type DataFile } from '@phlo/iceberg'
import type { IcebergSchema, TableMetadata } from '@phlo/ports'
import { initialDefault, valueLiteral } from './constants.js'
import type { FileLayout } from './stored-fields.js'

/** A column that files lack, since all of a file's rows have the value that its partition tells. */
export interface IdentityColumn {
  readonly id: number
  readonly name: string
  readonly value: (file: Pick<DataFile, 'specId' | 'partition'>) => string
}

/**
 * The columns of the schema that the files of a layout lack and that a spec partitions by their own values, as tables of
 * Hive's layout have them. Spec: "Column Projection".
 */
export function identityColumns(metadata: TableMetadata, schema: IcebergSchema, layout: FileLayout): IdentityColumn[] {
  const missing = schema.fields.filter(({ id }) => layout.fields.every((stored) => stored.id !== id))
  if (missing.length === 0) return []
  const specs = new Map(
    metadata['partition-specs'].map((spec) => [spec['spec-id'], bindTableSpec(metadata, spec['spec-id'], schema)]),
  )
  return missing.flatMap((column) => {
    const places = new Map<number, number>()
    for (const [specId, fields] of specs) {
      const index = fields.findIndex(
        ({ field, transform }) => transform.kind === 'identity' && field['source-id'] === column.id,
      )
      if (index >= 0) places.set(specId, index)
    }
    if (places.size === 0) return []
    return {
      id: column.id,
      name: `identity_${column.id}`,
      value: ({ specId, partition }: Pick<DataFile, 'specId' | 'partition'>) => {
        const index = places.get(specId)
        const type = index === undefined ? undefined : specs.get(specId)?.[index]?.type
        return index === undefined || type === undefined
          ? initialDefault(column)
          : valueLiteral(type, partition[index] ?? null)
      },
    }
  })
}
