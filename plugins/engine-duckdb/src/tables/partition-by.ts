import { parseTransform, type PartitionColumn } from '@phlo/iceberg'
import { PhloError } from '@phlo/ports'

/** Reads `day(flown_at)`, `bucket(16, id)` or a bare column. Throws PHLO_UNSUPPORTED. */
export function parsePartitionBy(text: string): PartitionColumn {
  const call = /^\s*([a-z]+)\(\s*(?:(\d+)\s*,\s*)?"?([^"()]+?)"?(?:\s*,\s*(\d+))?\s*\)\s*$/i.exec(text)
  if (!call) return { column: text.trim().replace(/^"(.*)"$/, '$1'), transform: 'identity' }
  const width = call[2] ?? call[4]
  const name = (call[1] as string).toLowerCase().replace(/s$/, '')
  const transform = width === undefined ? name : `${name}[${width}]`
  if (parseTransform(transform).kind === 'unknown')
    throw new PhloError('PHLO_UNSUPPORTED', `Partitions cannot be made by ${text.trim()}`, {
      hint: 'Transforms are identity, year, month, day, hour, bucket(n, column) and truncate(n, column).',
    })
  return { column: call[3] as string, transform }
}
