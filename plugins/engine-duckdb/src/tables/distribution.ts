import { PhloError, type TableMetadata } from '@phlo/ports'

/**
 * How rows are dealt out to files. `none`: as they come; `hash`: those of a partition come together; `range`: sorted by
 * partition and sort order before they are divided, so that no two files overlap.
 */
export type DistributionMode = 'none' | 'hash' | 'range'

const modes: readonly DistributionMode[] = ['none', 'hash', 'range']

/**
 * What the table asks for, as Iceberg's own writers understand it: `write.distribution-mode`, by default `range` where the
 * table has a sort order, `hash` where it only has partitions. Of a `command` it is `write.<command>.distribution-mode`,
 * by default `hash` where the table has partitions. Throws PHLO_UNSUPPORTED for another mode.
 */
export function distributionMode(metadata: TableMetadata, command?: 'delete' | 'update' | 'merge'): DistributionMode {
  const partitioned = isPartitioned(metadata)
  if (command !== undefined) {
    const mode = modeProperty(metadata, `write.${command}.distribution-mode`) ?? (partitioned ? 'hash' : undefined)
    if (mode !== undefined) return mode
  }
  const byDefault = metadata['default-sort-order-id'] > 0 ? 'range' : partitioned ? 'hash' : 'none'
  return modeProperty(metadata, 'write.distribution-mode') ?? byDefault
}

/** Are new rows divided into partitions? */
export function isPartitioned(metadata: TableMetadata): boolean {
  const spec = metadata['partition-specs'].find((item) => item['spec-id'] === metadata['default-spec-id'])
  return (spec?.fields ?? []).some(({ transform }) => transform !== 'void')
}

function modeProperty(metadata: TableMetadata, name: string): DistributionMode | undefined {
  const text = metadata.properties?.[name]
  const mode = modes.find((known) => known === text?.toLowerCase())
  if (mode !== undefined || text === undefined) return mode
  throw new PhloError('PHLO_UNSUPPORTED', `${name} ${text} is none: none, hash or range`)
}
