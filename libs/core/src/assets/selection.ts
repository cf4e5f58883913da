import { nearest, PhloError } from '@phlo/ports'
import type { Asset, AssetKey, IngestionAsset } from './asset.js'
import type { AssetGraph } from './asset-graph.js'

/**
 * The assets that selectors mean, in the graph's order. A selector is an asset's name (`flights` or `bronze.flights`),
 * `group:NAME` or `tag:NAME`; a `+` before it adds everything it is made of, one behind it everything made of it.
 * Throws PHLO_ASSET_UNKNOWN with the nearest name.
 */
export function selectAssets(graph: AssetGraph, selectors: readonly string[]): Asset[] {
  if (selectors.length === 0) return [...graph.assets]
  const keys = new Set<AssetKey>()
  for (const selector of selectors) {
    const [, before, term = '', behind] = /^(\+?)(.*?)(\+?)$/.exec(selector) ?? []
    for (const asset of matching(graph, term, selector)) {
      keys.add(asset.key)
      if (before) for (const key of graph.ancestors(asset.key)) keys.add(key)
      if (behind) for (const key of graph.descendants(asset.key)) keys.add(key)
    }
  }
  return graph.assets.filter(({ key }) => keys.has(key))
}

/** The one asset of that name, which brings data in. Throws PHLO_ASSET_UNKNOWN. */
export function requireIngestion(graph: AssetGraph, name: string): IngestionAsset {
  const [asset, ...others] = selectAssets(graph, [name])
  if (asset?.kind === 'ingestion' && others.length === 0) return asset
  throw new PhloError('PHLO_ASSET_UNKNOWN', `${JSON.stringify(name)} is not one asset that brings data in`)
}

function matching(graph: AssetGraph, term: string, selector: string): readonly Asset[] {
  const labelled = /^(group|tag):(.*)$/.exec(term)
  const found = labelled
    ? graph.assets.filter((asset) =>
        labelled[1] === 'group' ? asset.group === labelled[2] : asset.tags.includes(labelled[2] as string),
      )
    : graph.assets.filter(({ key, target }) => key === term || target.name === term)
  if (found.length > 0) return found
  const names = labelled
    ? graph.assets
        .flatMap((asset) => (labelled[1] === 'tag' ? asset.tags : asset.group === undefined ? [] : [asset.group]))
        .map((name) => `${labelled[1] as string}:${name}`)
    : graph.assets.flatMap(({ key, target }) => [key, target.name])
  const near = nearest(term, names)
  throw new PhloError('PHLO_ASSET_UNKNOWN', `No asset is selected by ${JSON.stringify(selector)}`, {
    hint:
      near === undefined
        ? `Assets: ${graph.assets.map(({ key }) => key).join(', ') || 'none'}`
        : `Did you mean ${near}?`,
    context: { selector, assets: graph.assets.map(({ key }) => key) },
  })
}
