import type { IcebergSchema, ObjectStore, Snapshot, TableMetadata } from '@phlo/ports'
import type { ManifestEntry, ManifestFile } from './data-file.js'
import { invalid } from '../invalid.js'
import { readManifest, type ManifestProjection } from './manifest-reader.js'
import { manifestLine } from './manifest-line.js'
import { readManifestList } from './manifest-list.js'
import { currentSchema } from '../metadata/metadata.js'
import { readAhead } from './read-ahead.js'
import { readObject } from '../read-object.js'
import { type BoundPartitionField, bindSpec, specById } from '../partition/partition-spec.js'
import { indexById, type IndexedField } from '../schema/schema.js'
import { type Primitive, parsePrimitive } from '../types/primitive.js'

/** Enough to hide a store's latency behind the decoding, few enough to hold in memory. */
export const manifestsAhead = 4

/** Reads a table's manifest lists and manifests. Files are immutable, so the small ones of one instance are kept. */
export class TableFiles {
  private readonly specs = new Map<number, BoundPartitionField[]>()
  private columns: ReadonlyMap<number, IndexedField>[] | undefined

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
    const { 'snapshot-id': id, 'manifest-list': location, manifests } = snapshot
    if (location !== undefined) return readManifestList(await readObject(this.store, location), location)
    if (!manifests) throw invalid(`snapshot ${id}`, 'has no manifest list')
    const lines: ManifestFile[] = []
    for (const path of manifests) lines.push(manifestLine(await readObject(this.store, path), path, id))
    return lines
  }

  async *entries(manifest: ManifestFile, projection?: ManifestProjection): AsyncGenerator<ManifestEntry> {
    yield* readManifest(await readObject(this.store, manifest.path), manifest, this.spec(manifest.specId), projection)
  }

  /**
   * The manifests in their order, each with its entries, one manifest after the other. A few are fetched ahead.
   */
  async *open(
    manifests: readonly ManifestFile[],
    projectionOf: (manifest: ManifestFile) => ManifestProjection | undefined = () => undefined,
  ): AsyncGenerator<{ readonly manifest: ManifestFile; readonly entries: Iterable<ManifestEntry> }> {
    const fetched = readAhead(manifests, manifestsAhead, async (manifest) => ({
      manifest,
      bytes: await readObject(this.store, manifest.path),
    }))
    for await (const { manifest, bytes } of fetched)
      yield { manifest, entries: readManifest(bytes, manifest, this.spec(manifest.specId), projectionOf(manifest)) }
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

  /** The type of the column with that id, also of one that was dropped; `undefined` for none, and for nested types. */
  columnType(fieldId: number): Primitive | undefined {
    this.columns ??= [this.schema, ...this.metadata.schemas.toReversed()].map(indexById)
    const type = this.columns.map((index) => index.get(fieldId)?.field.type).find((found) => found !== undefined)
    return typeof type === 'string' ? parsePrimitive(type) : undefined
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
