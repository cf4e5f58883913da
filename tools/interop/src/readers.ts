import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect } from '@jest/globals'
import { currentSchema, type Expression, serializeMetadata } from '@phlo/iceberg'
import type { Catalog } from '@phlo/ports'
import type { LocalObjectStore } from '@phlo/storage-local'
import { JavaWitness } from './java-witness.js'
import { Lake } from './lake.js'
import { withoutNulls } from './values.js'
import { type CanonicalRow, Witness } from './witness.js'

/** Rows as `python/readers.py` gives them: a long is text. */
export function canonical(rows: readonly Readonly<Record<string, unknown>>[]): CanonicalRow[] {
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? value.toString() : value]),
    ),
  )
}

export type Reader = 'phlo' | 'pyiceberg' | 'duckdb' | 'java'

/** A lake, and the readers that are asked about its tables. */
export class Readers {
  readonly lake: Lake
  readonly witness = new Witness()
  readonly java = new JavaWitness()

  private constructor(lake: Lake) {
    this.lake = lake
  }

  static async open(catalog?: (store: LocalObjectStore) => Catalog): Promise<Readers> {
    return new Readers(await Lake.open(catalog))
  }

  async close(): Promise<void> {
    await this.witness.close()
    await this.java.close()
    await this.lake.close()
  }

  /**
   * Phlo, PyIceberg, DuckDB's extension and Iceberg Java all give exactly these rows, of a snapshot when one is named,
   * but for the readers that cannot.
   */
  async expectRows(
    name: string,
    rows: readonly CanonicalRow[],
    { snapshotId, without = [] }: { readonly snapshotId?: bigint; readonly without?: readonly Reader[] } = {},
  ): Promise<void> {
    const { lake, witness, java } = this
    const { metadataLocation, identifier } = await lake.load(name)
    const metadata = metadataLocation.replace(/^file:\/\//, '')
    const snapshot = snapshotId?.toString()
    const options = snapshotId === undefined ? {} : { snapshots: [{ table: identifier, snapshotId }] }
    const at = snapshot === undefined ? {} : { snapshot }
    const reads: Readonly<Record<Reader, () => Promise<CanonicalRow[]>>> = {
      phlo: async () => witness.arrowRows(metadata, await lake.arrowFile(name, options), snapshot),
      pyiceberg: () => witness.read(metadata, at),
      duckdb: () => witness.duckdbRows(metadata, snapshot),
      java: () => java.read(metadata, at),
    }
    const readers = (Object.keys(reads) as Reader[]).filter((reader) => !without.includes(reader))
    const read: Partial<Record<Reader, CanonicalRow[]>> = {}
    for (const reader of readers) read[reader] = await reads[reader]()
    expect(read).toEqual(Object.fromEntries(readers.map((reader) => [reader, rows])))
  }

  /** Of each row, by its `id`, the row's own id and the sequence number that changed it last, as Iceberg Java reads them. */
  async lineage(name: string): Promise<Readonly<Record<string, readonly unknown[]>>> {
    const rows = await this.java.read(await this.lake.metadata(name), { lineage: true })
    return Object.fromEntries(
      rows.map((row) => [String(row['id']), [row['_row_id'], row['_last_updated_sequence_number']]]),
    )
  }

  /**
   * Phlo, PyIceberg and Iceberg Java would read the same files for the filter; gives how many. Of `neq` and `not-in` Phlo
   * and Java also leave out the files that hold nothing but such a value, which PyIceberg reads; uuids Java orders as
   * signed numbers, unlike the specification.
   */
  async expectPlan(name: string, filter: Expression, snapshotId?: bigint): Promise<number> {
    const { lake, witness, java } = this
    const { metadata, metadataLocation } = await lake.load(name)
    const location = metadataLocation.replace(/^file:\/\//, '')
    const files = await lake.plan(name, { filter, ...(snapshotId !== undefined && { snapshotId }) })
    const options = {
      filter: withoutNulls(filter),
      ...(snapshotId !== undefined && { snapshot: snapshotId.toString() }),
    }
    const unequal = filter.op === 'neq' || filter.op === 'not-in'
    expect({ filter, files: await witness.plan(location, options) }).toEqual({
      filter,
      files: unequal ? expect.arrayContaining(files) : files,
    })
    const planned = (await java.plan(location, options)).map(({ file }) => file)
    const ordered = !currentSchema(metadata).fields.some(({ type }) => type === 'uuid')
    if (ordered || filter.op === 'is-null' || filter.op === 'not-null')
      expect({ filter, files: planned }).toEqual({ filter, files })
    return files.length
  }

  /** Nothing in the table contradicts itself, and Phlo sees in it what Iceberg Java sees. */
  async expectAgreement(name: string): Promise<void> {
    const { java, lake } = this
    const { metadata, metadataLocation } = await lake.load(name)
    const location = metadataLocation.replace(/^file:\/\//, '')
    expect(await java.validate(location)).toEqual([])
    // What Phlo writes of the metadata means the same to Iceberg Java.
    const copy = path.join(lake.folder, 'copy.metadata.json')
    await writeFile(copy, serializeMetadata(metadata))
    expect(await java.describe(copy)).toEqual(await java.describe(location))
    const ours = await lake.deletes(name)
    const theirs = await java.plan(location)
    expect(Object.keys(ours).sort()).toEqual(theirs.map(({ file }) => file))
    for (const { file, deletes } of theirs) {
      const found = (ours[file] ?? []).map((item) => ({
        file: item.path,
        content: item.content,
        offset: item.contentOffset ?? null,
      }))
      // Phlo leaves out position deletes by the bounds of their paths, Iceberg Java equality deletes by those of their values.
      expect(deletes).toEqual(expect.arrayContaining(found.filter(({ content }) => content === 1)))
      expect(found).toEqual(expect.arrayContaining(deletes.filter(({ content, offset }) => content === 2 || offset)))
    }
  }

  /** What PyIceberg makes of the table, after everything that must always be so has been found so. */
  async expectSound(name: string) {
    const { lake, witness } = this
    await this.expectAgreement(name)
    const metadata = await lake.metadata(name)
    const described = await witness.describe(metadata)
    for (const { summary, files, records, bytes } of described.snapshots) {
      expect({
        files: summary['total-data-files'],
        records: summary['total-records'],
        bytes: summary['total-files-size'],
      }).toEqual({ files: String(files), records: String(records), bytes: String(bytes) })
    }
    const { current } = described
    if (current === null) return { described, files: [], manifests: [] }
    const { files, manifests } = await witness.entries(metadata)
    for (const manifest of manifests) expect(manifest).toMatchObject({ length: true, counts: true, rows: true })
    for (const file of files) {
      expect(file).toMatchObject({ recordsRight: true, sizeRight: true, wrong: [] })
      expect(file.splitOffsets).toEqual(file.computed.splitOffsets)
    }
    expect(await lake.plan(name)).toEqual(files.map((file) => file.path))
    return { described, files, manifests }
  }
}
