import type { AssetKey } from '../assets/asset.js'
import type { RejectedSelection } from '../quarantine/rejected-rows.js'

/** One thing that a run will do. Plain JSON. */
export interface PlannedStep {
  readonly asset: AssetKey
  readonly kind: 'ingestion' | 'model'
  /** Why, in words. */
  readonly reason: string
  /** The partitions that are taken in, for assets that have them: `2001-06-01..2001-06-30`. */
  readonly partition?: string
  /** The same as instants, milliseconds since 1970, half-open. */
  readonly interval?: { readonly from: number; readonly to: number }
  readonly partitions?: number
  readonly upstream: readonly AssetKey[]
  /** Rows of the asset’s quarantine are taken in instead of its source. */
  readonly replay?: RejectedSelection
}

/** What a run would do, and what it would leave as it is. Plain JSON. */
export interface Plan {
  readonly steps: readonly PlannedStep[]
  readonly fresh: readonly AssetKey[]
}
