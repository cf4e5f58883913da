import { findField, indexById } from '@phlo/iceberg'
import { type IcebergSchema, PhloError, type TableMetadata } from '@phlo/ports'

/** How much a manifest says of a column. */
export type MetricsMode =
  | { readonly kind: 'none' | 'counts' }
  /** Counts, and bounds of at most so many characters or bytes. */
  | { readonly kind: 'bounds'; readonly length: number }

/** Iceberg's own default. */
export const defaultMode: MetricsMode = { kind: 'bounds', length: 16 }

/** Columns of wide tables beyond this many have no metrics, unless a property asks for them. */
const mostColumns = 100

/**
 * What the table's properties say of the metrics of its columns: `write.metadata.metrics.default`, `….column.<name>` and
 * `….max-inferred-column-defaults`. Throws PHLO_UNSUPPORTED for a mode that is none.
 */
export function metricsModes(metadata: TableMetadata, schema: IcebergSchema): (id: number) => MetricsMode {
  const properties = metadata.properties ?? {}
  const prefix = 'write.metadata.metrics'
  const general = properties[`${prefix}.default`]
  const fallback = general === undefined ? defaultMode : parseMode(general)
  const limit = Number(properties[`${prefix}.max-inferred-column-defaults`] ?? mostColumns)
  const modes = new Map<number, MetricsMode>()
  if (general === undefined) {
    const ids = [...indexById(schema).keys()]
    for (const id of ids.slice(Number.isSafeInteger(limit) && limit >= 0 ? limit : mostColumns))
      modes.set(id, { kind: 'none' })
  }
  for (const [key, value] of Object.entries(properties)) {
    const name = key.startsWith(`${prefix}.column.`) ? key.slice(`${prefix}.column.`.length) : undefined
    const field = name === undefined ? undefined : findField(schema, name)
    if (field) modes.set(field.id, parseMode(value))
  }
  return (id) => modes.get(id) ?? fallback
}

function parseMode(text: string): MetricsMode {
  const mode = text.trim().toLowerCase()
  if (mode === 'none' || mode === 'counts') return { kind: mode }
  if (mode === 'full') return { kind: 'bounds', length: Number.POSITIVE_INFINITY }
  const length = Number(/^truncate\((\d{1,9})\)$/.exec(mode)?.[1])
  if (length > 0) return { kind: 'bounds', length }
  throw new PhloError('PHLO_UNSUPPORTED', `A metrics mode ${text} is none: none, counts, truncate(n) or full`)
}
