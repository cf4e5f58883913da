import { nearest, PhloError } from '@phlo/ports'
import type { Asset, AssetKey } from './asset.js'

/** Assets and what they are made of, checked: every name is there once, and nothing goes in circles. */
export class AssetGraph {
  private readonly byKey: ReadonlyMap<AssetKey, Asset>
  private readonly down = new Map<AssetKey, AssetKey[]>()
  /** Every asset, each behind what it is made of; otherwise in the order given. */
  readonly assets: readonly Asset[]

  /** Throws PHLO_ASSET_DUPLICATE, PHLO_ASSET_UNKNOWN and PHLO_ASSET_CYCLE with the place of the declaration. */
  constructor(assets: readonly Asset[]) {
    const byKey = new Map<AssetKey, Asset>()
    for (const asset of assets) {
      const other = byKey.get(asset.key)
      if (other) {
        throw new PhloError('PHLO_ASSET_DUPLICATE', `Two assets write the table ${asset.key}`, {
          hint: other.location
            ? `The other is declared at ${other.location.file}:${other.location.line ?? 1}.`
            : 'Rename one of them.',
          ...(asset.location && { location: asset.location }),
        })
      }
      byKey.set(asset.key, asset)
    }
    this.byKey = byKey
    for (const asset of assets) {
      for (const key of asset.upstream) {
        if (!byKey.has(key)) throw unknownAsset(key, assets, asset)
        this.down.set(key, [...(this.down.get(key) ?? []), asset.key])
      }
    }
    this.assets = sorted(assets, byKey)
  }

  get(key: AssetKey): Asset | undefined {
    return this.byKey.get(key)
  }

  /** Assets directly made of this one. */
  downstream(key: AssetKey): readonly AssetKey[] {
    return this.down.get(key) ?? []
  }

  /** The asset's key and those of everything it is made of, however far. */
  ancestors(key: AssetKey): Set<AssetKey> {
    return this.reach(key, (current) => this.byKey.get(current)?.upstream ?? [])
  }

  /** The asset's key and those of everything made of it, however far. */
  descendants(key: AssetKey): Set<AssetKey> {
    return this.reach(key, (current) => this.downstream(current))
  }

  private reach(start: AssetKey, next: (key: AssetKey) => readonly AssetKey[]): Set<AssetKey> {
    const found = new Set<AssetKey>()
    const open = [start]
    for (let key = open.pop(); key !== undefined; key = open.pop()) {
      if (found.has(key)) continue
      found.add(key)
      open.push(...next(key))
    }
    return found
  }
}

function unknownAsset(key: AssetKey, assets: readonly Asset[], asset: Asset): PhloError {
  const near =
    assets.find(({ target }) => target.name === key)?.key ??
    nearest(
      key,
      assets.map((known) => known.key),
    )
  return new PhloError('PHLO_ASSET_UNKNOWN', `${asset.key} is made of ${key}, which is no asset`, {
    hint: near === undefined ? 'Declare it, or take it out.' : `Did you mean ${near}?`,
    ...(asset.location && { location: asset.location }),
  })
}

/** Depth first, so that a circle is found with its members. */
function sorted(assets: readonly Asset[], byKey: ReadonlyMap<AssetKey, Asset>): Asset[] {
  const done = new Set<AssetKey>()
  const result: Asset[] = []
  const visit = (asset: Asset, path: readonly AssetKey[]): void => {
    if (done.has(asset.key)) return
    const start = path.indexOf(asset.key)
    if (start >= 0) {
      const circle = [...path.slice(start), asset.key].join(' → ')
      throw new PhloError('PHLO_ASSET_CYCLE', `Assets are made of each other in a circle: ${circle}`, {
        hint: 'One of them must not depend on the next.',
        ...(asset.location && { location: asset.location }),
      })
    }
    for (const key of asset.upstream) visit(byKey.get(key) as Asset, [...path, asset.key])
    done.add(asset.key)
    result.push(asset)
  }
  for (const asset of assets) visit(asset, [])
  return result
}
