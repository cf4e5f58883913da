import {
  applyTransform,
  type BoundPartitionField,
  compareValues,
  currentSchema,
  type DataFile,
  decodeValue,
  type FieldSummary,
  findField,
  type SnapshotChange,
  toValue,
  type Value,
} from '@phlo/iceberg'
import { type PartitionInterval, PhloError, type TableMetadata } from '@phlo/ports'

/** Files of the partitions `[from, to)` of a column. Throws PHLO_UNSUPPORTED for specs that do not tell them apart. */
export function partitionRange(
  metadata: TableMetadata,
  { column, from, to }: PartitionInterval,
): NonNullable<SnapshotChange['remove']> {
  const source = findField(currentSchema(metadata), column)?.id
  const find = (spec: readonly BoundPartitionField[]) => {
    const index = spec.findIndex(
      ({ field, transform }) =>
        field['source-id'] === source && transform.kind !== 'bucket' && transform.kind !== 'void',
    )
    const bound = spec[index]
    const low = bound && toValue(bound.sourceType, from)
    const high = bound && toValue(bound.sourceType, to)
    if (!bound || low === undefined || high === undefined) {
      throw new PhloError(
        'PHLO_UNSUPPORTED',
        `The table is not partitioned by ${column}, so its partitions cannot be replaced`,
        {
          hint: 'Write to a table of another name, or rewrite this one once without partitions.',
        },
      )
    }
    const limit = (value: Value) => applyTransform(bound.transform, bound.sourceType, value) as Value
    return { index, bound, low: limit(low), high: limit(high) }
  }
  const within = (value: Value | null, low: Value, high: Value) =>
    value !== null && compareValues(value, low) >= 0 && compareValues(value, high) < 0
  return {
    matches: (file: DataFile, spec) => {
      const { index, low, high } = find(spec)
      return within(file.partition[index] ?? null, low, high)
    },
    mayHold: (manifest, spec) => {
      const { index, bound, low, high } = find(spec)
      const summary: FieldSummary | undefined = manifest.partitions?.[index]
      if (!summary?.lowerBound || !summary.upperBound) return true
      const lowest = decodeValue(bound.type, summary.lowerBound)
      const highest = decodeValue(bound.type, summary.upperBound)
      return compareValues(highest, low) >= 0 && compareValues(lowest, high) < 0
    },
  }
}
