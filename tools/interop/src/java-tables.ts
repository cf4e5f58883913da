import path from 'node:path'
import type { IcebergSchema, IcebergType } from '@phlo/ports'
import { MetadataFiles } from './metadata-files.js'
import { canonical, type Reader, Readers } from './readers.js'
import type { WriteStep } from './write-script.js'

type Row = Readonly<Record<string, unknown>>

interface Layout {
  readonly version?: 1 | 2 | 3
  /** Columns and their transforms. */
  readonly partitioning?: readonly (readonly [column: string, transform: string])[]
  readonly properties?: Readonly<Record<string, string>>
}

/** A schema of optional columns, but for types that end in `!`, with ids in order from 1. */
export function schemaOf(types: Readonly<Record<string, IcebergType>>): IcebergSchema {
  return {
    type: 'struct',
    'schema-id': 0,
    fields: Object.entries(types).map(([name, type], index) => ({
      id: index + 1,
      name,
      type: typeof type === 'string' ? type.replace('!', '') : type,
      required: typeof type === 'string' && type.endsWith('!'),
    })),
  }
}

function idOf(schema: IcebergSchema, column: string): number {
  const field = schema.fields.find(({ name }) => name === column)
  if (!field) throw new Error(`no column ${column}`)
  return field.id
}

/** Tables `java.<name>` that Iceberg Java makes and changes, in a catalog that all readers look into. */
export class JavaTables {
  readonly readers: Readers
  private readonly catalog: MetadataFiles

  private constructor(readers: Readers, catalog: MetadataFiles) {
    this.readers = readers
    this.catalog = catalog
  }

  static async open(): Promise<JavaTables> {
    let catalog: MetadataFiles | undefined
    const readers = await Readers.open((store) => (catalog = new MetadataFiles(store)))
    if (!catalog) throw new Error('The lake has made no catalog')
    return new JavaTables(readers, catalog)
  }

  close(): Promise<void> {
    return this.readers.close()
  }

  /** Makes a table; gives the youngest snapshot after each step. */
  async create(
    name: string,
    types: Readonly<Record<string, IcebergType>>,
    { version = 2, partitioning = [], properties = {} }: Layout,
    ...steps: readonly WriteStep[]
  ): Promise<readonly bigint[]> {
    const schema = schemaOf(types)
    const fields = partitioning.map(([column, transform], index) => ({
      'source-id': idOf(schema, column),
      'field-id': 1000 + index,
      name: `${column}_part_${index}`,
      transform,
    }))
    const { metadata, snapshots } = await this.readers.java.write({
      location: `file://${path.join(this.readers.lake.folder, 'lake', 'java', name)}`,
      create: {
        schema,
        spec: { 'spec-id': 0, fields },
        order: { 'order-id': 0, fields: [] },
        properties: { 'format-version': String(version), ...properties },
      },
      steps,
    })
    this.catalog.put(`java.${name}`, metadata)
    return snapshots
  }

  /** Changes a table, going on from what was last committed, by whomever; gives the youngest snapshot after each step. */
  async change(name: string, ...steps: readonly WriteStep[]): Promise<readonly bigint[]> {
    const { metadata, snapshots } = await this.readers.java.write({
      metadata: await this.readers.lake.metadata(`java.${name}`),
      steps,
    })
    this.catalog.put(`java.${name}`, metadata)
    return snapshots
  }

  /** All readers give these rows, and the table is sound. */
  async expectRows(name: string, rows: readonly Row[], options?: Parameters<Readers['expectRows']>[2]): Promise<void> {
    const sorted = [...canonical(rows)].sort((a, b) => Number(a['id']) - Number(b['id']))
    await this.readers.expectRows(`java.${name}`, sorted, options)
    await this.readers.expectAgreement(`java.${name}`)
  }
}

/** A table's rows after every step, to be read again at the end. */
export class JavaHistory {
  private readonly tables: JavaTables
  private readonly name: string
  private readonly without: readonly Reader[]
  private readonly snapshots: {
    readonly snapshotId: bigint
    readonly rows: readonly Row[]
    readonly without: readonly Reader[]
  }[] = []

  /** `without` the readers that can never read it. */
  constructor(tables: JavaTables, name: string, without: readonly Reader[] = []) {
    this.tables = tables
    this.name = name
    this.without = without
  }

  /** Takes a step after which the table has these rows, as the readers see it but for those that cannot. */
  async step(step: WriteStep, rows: readonly Row[], without = this.without): Promise<void> {
    const [snapshotId] = await this.tables.change(this.name, step)
    await this.tables.expectRows(this.name, rows, { without })
    // A change of the schema makes no snapshot.
    const known = this.snapshots.some((snapshot) => snapshot.snapshotId === snapshotId)
    if (snapshotId && !known) this.snapshots.push({ snapshotId, rows, without })
  }

  /** Every snapshot still has the rows that it had. */
  async expectAll(): Promise<void> {
    for (const { rows, ...options } of this.snapshots) await this.tables.expectRows(this.name, rows, options)
  }
}
