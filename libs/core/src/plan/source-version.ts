import type { Source } from '@phlo/ports'
import type { IngestionAsset } from '../assets/asset.js'

/** A text that changes with the asset's source, `undefined` when only reading the source could tell. */
export async function sourceVersion(
  asset: IngestionAsset,
  sources: readonly Source[],
  projectDir: string,
): Promise<string | undefined> {
  // A function is the user's own code, which a plan does not run.
  if (asset.source.kind === 'function') return undefined
  const { kind, options } = asset.source.spec
  const source = sources.find((candidate) => candidate.kind === kind)
  return source?.version(options, { projectDir, signal: new AbortController().signal })
}
