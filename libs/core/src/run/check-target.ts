import { type Catalog, PhloError } from '@phlo/ports'
import type { Asset } from '../assets/asset.js'
import type { CheckTarget } from '../checks/prepared-check.js'
import type { Interval } from '../partitions/interval-set.js'
import { snapshotIdOf } from '../plan/asset-state.js'

/** The column that dates the rows of tables whose asset has no partitions of its own, where they have it. */
const partitionDateColumn = '_phlo_partition_date'

/** Partitions, as planned steps have them. */
interface Partitions {
  readonly partition?: string
  readonly interval?: Interval
}

/**
 * The rows that an asset's checks look at: those of partition scope at the given partitions.
 * Throws PHLO_TABLE_NOT_FOUND.
 */
export async function checkTarget(
  catalog: Catalog,
  asset: Asset,
  ref: string,
  partitions: readonly Partitions[],
): Promise<CheckTarget> {
  const table = await catalog.loadTable(asset.target, { ref })
  const schema = table?.metadata.schemas.find((item) => item['schema-id'] === table.metadata['current-schema-id'])
  if (!schema) throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${asset.key} at ${ref}`)
  const intervals = partitions.flatMap(({ interval }) => interval ?? [])
  const dated = schema.fields.some(({ name }) => name === partitionDateColumn) ? partitionDateColumn : undefined
  const column = (asset.kind === 'ingestion' ? asset.partitions?.column : undefined) ?? dated
  return {
    asset: asset.key,
    table: asset.target,
    columns: schema.fields,
    ref,
    snapshotId: snapshotIdOf(table),
    ...(column !== undefined &&
      intervals.length > 0 && {
        partitions: { column, intervals, key: partitions.flatMap(({ partition }) => partition ?? []).join(',') },
      }),
  }
}
