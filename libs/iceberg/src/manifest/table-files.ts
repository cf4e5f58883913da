import { type IcebergSchema, type ObjectStore, PhloError, type Snapshot, type TableMetadata } from '@phlo/ports'
import type { ManifestEntry, ManifestFile } from './data-file.js'
import { invalid } from '../invalid.js'
import { readManifest, type ManifestProjection } from './manifest.js'
import { readManifestList } from './manifest-list.js'
import { currentSchema } from '../metadata/metadata.js'
import { type BoundPartitionField, bindSpec, specById } from '../partition/partition-spec.js'

/** Reads a table's manifest lists and manifests. Files are immutable, so the small ones of one instance are kept. */
export class TableFiles {
  private readonly specs = new Map<number, BoundPartitionField[]>()

  readonly store: ObjectStore
  readonly metadata: TableMetadata
  private readonly schema: IcebergSchema

  /** `schema` is the one that values are wanted in; without it, the current one. */
  constructor(store: ObjectStore, metadata: TableMetadata, schema = currentSchema(metadata)) {
    this.store = store
    this.metadata = metadata
    this.schema = schema
  }

  /** The manifests of a snapshot, in its own order. */
  async manifests(snapshot: Snapshot): Promise<ManifestFile[]> {
    const location = snapshot['manifest-list']
    if (location === undefined) throw invalid(`snapshot ${snapshot['snapshot-id']}`, 'has no manifest list')
    return readManifestList(await this.bytes(location), location)
  }

  async *entries(manifest: ManifestFile, projection?: ManifestProjection): AsyncGenerator<ManifestEntry> {
    yield* readManifest(await this.bytes(manifest.path), manifest, this.spec(manifest.specId), projection)
  }

  /** The partition spec with that id, bound to the schema. */
  spec(id: number): BoundPartitionField[] {
    let bound = this.specs.get(id)
    if (!bound) {
      bound = bindTableSpec(this.metadata, id, this.schema)
      this.specs.set(id, bound)
    }
    return bound
  }

  private async bytes(location: string): Promise<Uint8Array> {
    const key = this.store.key(location)
    if (key === undefined) {
      throw new PhloError('PHLO_ICEBERG_INVALID', `The table's metadata names a file outside the store: ${location}`, {
        hint: 'Only tables whose files lie in the profile’s own storage can be read.',
      })
    }
    const object = await this.store.get(key)
    if (!object) {
      throw new PhloError('PHLO_OBJECT_NOT_FOUND', `The table's metadata names a file that is not there: ${location}`)
    }
    return object.bytes
  }
}

/** One of a table's specs, bound to the schema and, for columns that it lacks, to the youngest that has them. */
export function bindTableSpec(
  metadata: TableMetadata,
  id: number,
  schema = currentSchema(metadata),
): BoundPartitionField[] {
  return bindSpec(specById(metadata['partition-specs'], id), schema, metadata.schemas.toReversed())
}
