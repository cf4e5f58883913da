import { definePort } from './port.js'
import type { Rendezvous } from './rendezvous.js'
import type { StorageGrant } from './storage-grant.js'

/** What a store knows of an object without its bytes. */
export interface ObjectInfo {
  /** Relative to the store's root, `/` between segments, never starting with one. */
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** Opaque; differs between any two states of the same key whose bytes differ. */
  readonly version: string
  readonly modified: Date
}

export interface StoredObject {
  readonly bytes: Uint8Array
  readonly version: string
}

/** When a put may happen. Without a condition it always may. */
export type PutCondition =
  | { readonly ifAbsent: true; readonly ifMatch?: undefined }
  | { readonly ifMatch: string; readonly ifAbsent?: undefined }

/** Bytes `[start, end)` of an object. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface ObjectStoreSupports {
  /**
   * Create-only and match-version puts are atomic among all processes. Default true; without it no catalog can be
   * kept in the store.
   */
  readonly conditionalPut: boolean
}

/**
 * Bytes under keys. An object is either immutable (created once, never changed) or small and moved by conditional put.
 *
 * A put is durable and visible to every process when its promise resolves. A put that throws anything but
 * PHLO_OBJECT_EXISTS or PHLO_OBJECT_CHANGED may or may not have happened.
 */
export interface ObjectStore {
  readonly supports: ObjectStoreSupports

  /** Of the processes here that have this store open, where they can find each other. */
  readonly rendezvous?: Rendezvous

  /**
   * The object, or `undefined` when there is none. With `range`, only those bytes. `immutable` says that the object never
   * changes once it is there, so that a copy of it is as good.
   */
  get(
    key: string,
    options?: { range?: ByteRange; signal?: AbortSignal; immutable?: boolean },
  ): Promise<StoredObject | undefined>

  /** The object's description, or `undefined` when there is none. */
  head(key: string): Promise<ObjectInfo | undefined>

  /**
   * Stores the bytes atomically: a reader sees the old or the new object, whole.
   * Throws PHLO_OBJECT_EXISTS (`ifAbsent`) or PHLO_OBJECT_CHANGED (`ifMatch`; also when the object is absent).
   */
  put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<{ version: string }>

  /** Moves a local file into the store as a new immutable object; the file is gone afterwards. Throws PHLO_OBJECT_EXISTS. */
  putFile(key: string, path: string): Promise<{ version: string }>

  /**
   * Absolute path of a local file with the immutable object's bytes, for programs that read files. It stays readable
   * until the store is closed; nobody may write to it. Throws PHLO_OBJECT_NOT_FOUND.
   */
  localFile(key: string): Promise<string>

  /** Absolute path of the folder below which every {@link localFile} lies. */
  localRoot(): Promise<string>

  /** Objects whose key starts with `prefix`, in ascending order of their key's UTF-8 bytes. */
  list(prefix: string, options?: { after?: string }): AsyncIterable<ObjectInfo>

  /** Removes the objects; absent ones are no error. Not atomic over several keys. */
  delete(keys: readonly string[]): Promise<void>

  /** The absolute URI that other programs know the object by, as written into Iceberg metadata. */
  uri(key: string): string

  /** The key of a URI in this store, or `undefined` when the URI leads out of it. */
  key(uri: string): string | undefined

  /**
   * Uses the grants for the URIs they are for, instead of the store's own settings; a later grant for the same prefix
   * takes the place of an earlier one. Absent where the store has no use for them.
   */
  accept?(grants: readonly StorageGrant[]): void

  close(): Promise<void>
}

export const ObjectStorePort = definePort<ObjectStore>('ObjectStore')
