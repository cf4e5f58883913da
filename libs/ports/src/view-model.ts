import type { IcebergSchema } from './iceberg-model.js'

/**
 * A view's metadata in the shape of Iceberg's JSON, property names those of the wire.
 * Source: https://iceberg.apache.org/view-spec and the REST catalog's OpenAPI document.
 */
export interface ViewMetadata {
  readonly 'view-uuid': string
  readonly 'format-version': number
  readonly location: string
  readonly schemas: readonly IcebergSchema[]
  readonly 'current-version-id': number
  readonly versions: readonly ViewVersion[]
  /** When each version became the current one, oldest first. */
  readonly 'version-log': readonly { readonly 'timestamp-ms': number; readonly 'version-id': number }[]
  readonly properties?: Readonly<Record<string, string>>
}

export interface ViewVersion {
  readonly 'version-id': number
  readonly 'schema-id': number
  readonly 'timestamp-ms': number
  /** Who made it: `engine-name`, `engine-version`, … */
  readonly summary: Readonly<Record<string, string>>
  /** The same query in several dialects. */
  readonly representations: readonly ViewRepresentation[]
  /** Where a table without a catalog is looked for; none means the view's own. */
  readonly 'default-catalog'?: string
  readonly 'default-namespace': readonly string[]
}

export interface ViewRepresentation {
  readonly type: 'sql'
  readonly sql: string
  /** For instance `duckdb` or `trino`. */
  readonly dialect: string
}

/** One change of a view's metadata. `-1` for an id means the one added last in the same commit. */
export type ViewUpdate =
  | { readonly action: 'assign-uuid'; readonly uuid: string }
  | { readonly action: 'upgrade-format-version'; readonly 'format-version': number }
  | { readonly action: 'set-location'; readonly location: string }
  | { readonly action: 'add-schema'; readonly schema: IcebergSchema }
  | { readonly action: 'add-view-version'; readonly 'view-version': ViewVersion }
  | { readonly action: 'set-current-view-version'; readonly 'view-version-id': number }
  | { readonly action: 'set-properties'; readonly updates: Readonly<Record<string, string>> }
  | { readonly action: 'remove-properties'; readonly removals: readonly string[] }
