/** What a name stands for in one state of a catalog. */
export type CatalogValue =
  | { readonly type: 'namespace'; readonly properties: Readonly<Record<string, string>> }
  /** `metadata` is the store's key of the table's or view's metadata file; `uuid` stays when it gets another name. */
  | { readonly type: 'table' | 'view'; readonly metadata: string; readonly uuid: string }

/** One state of a catalog, by the keys of `table-keys.ts`. */
export interface CatalogState {
  get(key: string): Promise<CatalogValue | undefined>

  /** Keys that start with `prefix`. */
  keys(prefix: string): AsyncIterable<string>
}

/** One key whose value differs between two states. */
export interface CatalogDifference {
  readonly key: string
  readonly before: CatalogValue | undefined
  readonly after: CatalogValue | undefined
}

/** Properties in order of their names, so that what says the same is the same. */
export function namespaceValue(properties: Readonly<Record<string, string>>): CatalogValue {
  return {
    type: 'namespace',
    properties: Object.fromEntries(Object.entries(properties).sort(([a], [b]) => (a < b ? -1 : 1))),
  }
}

export function sameValue(a: CatalogValue | undefined, b: CatalogValue | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
