import type { LoadedTable, Snapshot } from '@phlo/ports'
import type { IngestionAsset } from '../assets/asset.js'
import { IntervalSet } from '../partitions/interval-set.js'

/**
 * What a table says of how it was made. It is kept in the table's own properties, in the commit that made it, so that it
 * branches, merges and travels in time with the data, and no other store can disagree with it.
 */
export interface AssetState {
  readonly codeVersion: string | undefined
  /** The partitions that were taken in. */
  readonly materialized: IntervalSet
  readonly sourceVersion: string | undefined
  readonly cursor: unknown
  /** The greatest value of the asset's cursor column that was taken in. */
  readonly watermark?: string | undefined
  /** Snapshot ids of the tables that a model read, by name; `none` for a table without data. */
  readonly inputs: Readonly<Record<string, string>>
}

const property = {
  codeVersion: 'phlo.code-version',
  materialized: 'phlo.materialized',
  sourceVersion: 'phlo.source-version',
  cursor: 'phlo.cursor',
  watermark: 'phlo.watermark',
  inputs: 'phlo.inputs',
} as const

export function readAssetState(table: LoadedTable | undefined): AssetState {
  const properties = table?.metadata.properties ?? {}
  return {
    codeVersion: properties[property.codeVersion],
    materialized: IntervalSet.parse(properties[property.materialized]),
    sourceVersion: properties[property.sourceVersion],
    cursor: parsed(properties[property.cursor]),
    watermark: properties[property.watermark],
    inputs: (parsed(properties[property.inputs]) as Record<string, string> | undefined) ?? {},
  }
}

/** Were the partitions that the state lists made by this code, from this version of the source? */
export function isCurrent(state: AssetState, asset: IngestionAsset, version: string | undefined): boolean {
  return state.codeVersion === asset.codeVersion && (version === undefined || state.sourceVersion === version)
}

/**
 * The partitions that a table holds once a run's change of it is put on main's, or `undefined` when only one side took
 * any in, or when they were made by different code or from different versions of the source.
 */
export function mergedPartitions(
  base: LoadedTable | undefined,
  main: LoadedTable | undefined,
  run: LoadedTable | undefined,
): IntervalSet | undefined {
  const [before, ours, theirs] = [readAssetState(base), readAssetState(main), readAssetState(run)]
  const alike = (a: AssetState, b: AssetState) => a.codeVersion === b.codeVersion && a.sourceVersion === b.sourceVersion
  const texts = [before, ours, theirs].map(({ materialized }) => materialized.toString())
  if (new Set(texts).size < 3 || !alike(ours, theirs)) return undefined
  // Main may have lost partitions meanwhile, by a rollback; only what the run itself took in is added.
  const known = alike(before, theirs) ? before.materialized : new IntervalSet()
  return ours.materialized.plus(theirs.materialized.minus(known))
}

/** The properties that say it; parts that are left out stay as they are. */
export function assetStateProperties(state: Partial<AssetState>): Record<string, string> {
  return {
    ...(state.codeVersion !== undefined && { [property.codeVersion]: state.codeVersion }),
    ...(state.materialized !== undefined && { [property.materialized]: state.materialized.toString() }),
    ...(state.sourceVersion !== undefined && { [property.sourceVersion]: state.sourceVersion }),
    ...(state.cursor !== undefined && { [property.cursor]: JSON.stringify(state.cursor) }),
    ...(state.watermark !== undefined && { [property.watermark]: state.watermark }),
    ...(state.inputs !== undefined && { [property.inputs]: JSON.stringify(state.inputs) }),
  }
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown)
  } catch {
    // Somebody else wrote it: as good as nothing.
    return undefined
  }
}

/** The current snapshot's id as text, `none` for a table without data. */
export function snapshotIdOf(table: LoadedTable | undefined): string {
  const snapshot = currentSnapshot(table)
  return snapshot ? String(snapshot['snapshot-id']) : 'none'
}

export function currentSnapshot(table: LoadedTable | undefined): Snapshot | undefined {
  const metadata = table?.metadata
  const id = metadata?.refs?.['main']?.['snapshot-id'] ?? metadata?.['current-snapshot-id']
  return metadata?.snapshots?.find((snapshot) => snapshot['snapshot-id'] === id)
}

/** Rows of the table by its snapshot's summary, `undefined` when the writer did not say. */
export function rowCount(table: LoadedTable | undefined): number | undefined {
  const total = currentSnapshot(table)?.summary?.['total-records']
  return total === undefined ? undefined : Number(total)
}
