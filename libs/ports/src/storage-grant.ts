/**
 * Access to a part of a store that a catalog gives to whoever may use a table, in place of what the profile says: short-
 * lived credentials, or a signature for each request.
 * Source: REST catalog, `LoadTableResult`: "Storage Credentials", "Remote Signing".
 */
export interface StorageGrant {
  /** URIs that start with it are meant; of several grants the longest prefix counts. */
  readonly prefix: string
  /** Iceberg's own names: `s3.access-key-id`, `s3.endpoint`, `client.region`, … They hold secrets. */
  readonly properties: Readonly<Record<string, string>>
  /** When the credentials end; without it they don't, or nobody said. */
  readonly ends?: Date
  /** A newer grant for the same prefix, for when this one ends. */
  readonly renew?: () => Promise<StorageGrant>
  /** Signs a request instead of any credentials. */
  readonly sign?: RequestSigner
}

/** A request to a store, before it is signed or afterwards. A header may have several values. */
export interface StoreRequest {
  readonly method: string
  readonly uri: string
  readonly headers: Readonly<Record<string, readonly string[]>>
}

/** `body` is only given where the signer has to look into it, as with S3's DeleteObjects. */
export type RequestSigner = (
  request: StoreRequest & { readonly region: string; readonly body?: string },
) => Promise<Pick<StoreRequest, 'uri' | 'headers'>>
