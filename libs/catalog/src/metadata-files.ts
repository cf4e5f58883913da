import { randomUUID } from 'node:crypto'
import {
  type MetadataCodec,
  metadataCodec,
  metadataEndings,
  parseMetadata,
  parseViewMetadata,
  serializeMetadata,
  serializeViewMetadata,
} from '@phlo/iceberg'
import {
  formatIdentifier,
  type ObjectStore,
  PhloError,
  type TableIdentifier,
  type TableMetadata,
  type ViewMetadata,
} from '@phlo/ports'

/** Parsed metadata files that one process keeps. */
const cachedMetadata = 500

/** A metadata file that can be loaded already; it is durable when `stored` resolves. */
export interface NewFile<Metadata> {
  /** The store's key. */
  readonly key: string
  readonly metadata: Metadata
  readonly stored: Promise<void>
}

/** The metadata files of tables and views: immutable, so what was read once is kept. */
export class MetadataFiles {
  private readonly store: ObjectStore
  private readonly cache = new Map<string, TableMetadata | ViewMetadata>()
  /** Files that are being stored; the cache may forget them, these may not be forgotten. */
  private readonly pending = new Map<string, TableMetadata | ViewMetadata>()

  constructor(store: ObjectStore) {
    this.store = store
  }

  async table(identifier: TableIdentifier, key: string): Promise<TableMetadata> {
    return this.load(identifier, key, parseMetadata)
  }

  async view(identifier: TableIdentifier, key: string): Promise<ViewMetadata> {
    return this.load(identifier, key, parseViewMetadata)
  }

  /** Spec: "File System Tables" gives the file's name its form: a counter and a random part. */
  writeTable(
    identifier: TableIdentifier,
    metadata: TableMetadata,
    previous: string | undefined,
  ): NewFile<TableMetadata> {
    return this.write(identifier, metadata, previous, metadataCodec(metadata), serializeMetadata)
  }

  writeView(identifier: TableIdentifier, metadata: ViewMetadata, previous: string | undefined): NewFile<ViewMetadata> {
    return this.write(identifier, metadata, previous, 'none', serializeViewMetadata)
  }

  forget(): void {
    this.cache.clear()
  }

  private async load<Metadata extends TableMetadata | ViewMetadata>(
    identifier: TableIdentifier,
    key: string,
    parse: (bytes: Uint8Array, what: string) => Metadata,
  ): Promise<Metadata> {
    let metadata = (this.pending.get(key) ?? this.cache.get(key)) as Metadata | undefined
    if (!metadata) {
      const object = await this.store.get(key)
      if (!object) {
        throw new PhloError(
          'PHLO_OBJECT_NOT_FOUND',
          `The metadata file of ${formatIdentifier(identifier)} is not there: ${this.store.uri(key)}`,
        )
      }
      metadata = parse(object.bytes, this.store.uri(key))
    }
    this.remember(key, metadata)
    return metadata
  }

  private write<Metadata extends TableMetadata | ViewMetadata>(
    identifier: TableIdentifier,
    metadata: Metadata,
    previous: string | undefined,
    codec: MetadataCodec,
    serialize: (metadata: Metadata, codec: MetadataCodec) => Uint8Array,
  ): NewFile<Metadata> {
    const folder = this.store.key(metadata.location)
    if (folder === undefined) {
      throw new PhloError(
        'PHLO_UNSUPPORTED',
        `The location ${metadata.location} of ${formatIdentifier(identifier)} is outside the store`,
      )
    }
    const counter = previous === undefined ? 0 : Number(/(\d+)-[^/]*$/.exec(previous)?.[1] ?? 0) + 1
    const name = `${String(counter).padStart(5, '0')}-${randomUUID()}${metadataEndings[codec]}`
    const key = `${folder}/metadata/${name}`
    this.pending.set(key, metadata)
    const put = async () => {
      try {
        await this.store.put(key, serialize(metadata, codec), { ifAbsent: true })
        this.remember(key, metadata)
      } finally {
        this.pending.delete(key)
      }
    }
    const stored = put()
    // Whoever commits the file waits for it; where nobody does any more, nobody need hear of it.
    stored.catch(() => undefined)
    return { key, metadata, stored }
  }

  private remember(key: string, metadata: TableMetadata | ViewMetadata): void {
    this.cache.delete(key)
    this.cache.set(key, metadata)
    if (this.cache.size > cachedMetadata) this.cache.delete(this.cache.keys().next().value as string)
  }
}
