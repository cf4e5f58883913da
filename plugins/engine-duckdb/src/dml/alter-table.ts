import {
  currentSchema,
  findField,
  formatSingleValue,
  parsePrimitive,
  type PartitionColumn,
  type SchemaUpdate,
  type SchemaUpdateOptions,
  specById,
  toValue,
} from '@phlo/iceberg'
import { type IcebergType, isPhloError, type SingleValue, type TableMetadata } from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { duckdbType, typeForVersion } from '../duckdb-types.js'
import type { OpenTable } from '../tables/commit-table.js'
import type { ColumnPath, Span, TableAlteration } from './change-statement.js'
import type { SqlComposer } from './composed-sql.js'
import { columnOf, partitionColumns, sortColumns } from './create-table.js'

/** What ALTER TABLE and COMMENT ON do to a table. */
export class TableAlterer {
  private readonly connection: Connection
  private readonly composer: SqlComposer
  private readonly table: OpenTable
  /** A SELECT of the table's rows. */
  private readonly rows: () => Promise<string>

  constructor(connection: Connection, composer: SqlComposer, table: OpenTable, rows: () => Promise<string>) {
    this.connection = connection
    this.composer = composer
    this.table = table
    this.rows = rows
  }

  async apply(alteration: TableAlteration): Promise<void> {
    const { transaction } = this.table
    switch (alteration.kind) {
      case 'set-properties': {
        const { 'format-version': version, ...properties } = alteration.properties
        if (version !== undefined) transaction.upgradeFormatVersion(Number(version))
        return transaction.setProperties(properties)
      }
      case 'remove-properties':
        return this.removeProperties(alteration.names)
      case 'set-partitioning':
        return this.repartition(partitionColumns(this.composer, alteration.by, this.schema.fields))
      case 'set-sort-order':
        return transaction.replaceSortOrder(sortColumns(this.composer, alteration.by, this.schema.fields))
      case 'set-doc':
        if (!alteration.at) return transaction.setProperties({ comment: alteration.doc ?? '' })
        return this.update(alteration.at, (update, path) => update.updateDoc(path, alteration.doc))
      case 'add-column':
        return this.addColumn(alteration)
      case 'drop-column':
        if (alteration.ifExists && !this.find(alteration.at)) return
        return this.update(alteration.at, (update, path) => update.dropColumn(path))
      case 'rename-column':
        return this.update(alteration.at, (update, path) => update.renameColumn(path, alteration.name))
      case 'set-type': {
        const type = await this.typeOf(alteration.type)
        return this.update(alteration.at, (update, path) => update.updateType(path, type))
      }
      case 'set-required':
        return alteration.required
          ? this.require(alteration.at)
          : this.update(alteration.at, (update, path) => update.makeOptional(path))
      case 'set-default': {
        const field = this.find(alteration.at)
        const value = field && alteration.value ? await this.defaultOf(alteration.value, field.type) : null
        return this.update(alteration.at, (update, path) => update.updateDefault(path, value))
      }
    }
  }

  private get schema() {
    return currentSchema(this.table.transaction.metadata)
  }

  private find({ path }: ColumnPath) {
    const name = path.join('.')
    return (
      findField(this.schema, name) ??
      this.schema.fields.find((field) => path.length === 1 && field.name.toLowerCase() === name.toLowerCase())
    )
  }

  private async addColumn(alteration: Extract<TableAlteration, { kind: 'add-column' }>): Promise<void> {
    const { at, required, doc, defaultValue } = alteration
    if (alteration.ifNotExists && this.find(at)) return
    const type = await this.typeOf(alteration.type)
    const value = defaultValue ? await this.defaultOf(defaultValue, type) : null
    const parent = at.path.slice(0, -1).join('.')
    this.update(at, (update) =>
      update.addColumn(at.path.at(-1) as string, type, {
        ...(parent !== '' && { parent }),
        ...(doc !== undefined && { doc }),
        required,
        default: value,
      }),
    )
  }

  /** Stored rows decide whether a column can become required. */
  private async require(at: ColumnPath): Promise<void> {
    const column = at.path.map(identifier).join('.')
    const [found] = await this.connection.run(
      `SELECT 1 FROM (${await this.rows()}) AS t WHERE t.${column} IS NULL LIMIT 1`,
    )
    if (found) throw this.composer.error(at.span, `${at.path.join('.')} is NULL in rows of the table`)
    const { transaction } = this.table
    const head = transaction.metadata['current-snapshot-id'] ?? null
    transaction.change(() => ({
      updates: [],
      requirements: [{ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': head }],
    }))
    this.update(at, (update, path) => update.makeRequired(path), { allowBreaking: true })
  }

  private update(
    { path, span }: ColumnPath,
    change: (update: SchemaUpdate, path: string) => unknown,
    options: SchemaUpdateOptions = {},
  ): void {
    try {
      this.table.transaction.updateSchema((update) => change(update, path.join('.')), {
        caseSensitive: false,
        ...options,
      })
    } catch (error) {
      if (!isPhloError(error, 'PHLO_ICEBERG_INVALID')) throw error
      throw this.composer.error(span, error.message)
    }
  }

  private async typeOf(span: Span): Promise<IcebergType> {
    const column = { name: 'column', span }
    const { type } = await columnOf(this.connection, this.composer, { column, type: span, required: false })
    return typeForVersion(type, this.table.transaction.metadata['format-version'])
  }

  /** A constant expression's value in the form of metadata. */
  private async defaultOf(span: Span, type: IcebergType): Promise<SingleValue> {
    const { text, statement } = this.composer.compose([
      `SELECT CAST((`,
      span,
      `) AS ${duckdbType(type)})::VARCHAR AS value`,
    ])
    const [row] = await this.connection.run(text, statement)
    const value = row?.['value']
    if (value === null || value === undefined) return null
    if (typeof type !== 'string') throw this.composer.error(span, 'Only NULL can be the default of a nested column')
    const primitive = parsePrimitive(type)
    const parsed = toValue(primitive, primitive.kind === 'boolean' ? value === 'true' : (value as string))
    if (parsed === undefined) throw this.composer.error(span, `This is no default for ${type}`)
    return formatSingleValue(primitive, parsed)
  }

  private removeProperties(names: readonly string[]): void {
    this.table.transaction.change((working) => {
      const known = names.filter((name) => working.properties?.[name] !== undefined)
      return { updates: known.length > 0 ? [{ action: 'remove-properties', removals: known }] : [] }
    })
  }

  /** Fields that are wanted already keep their ids. */
  private repartition(wanted: readonly PartitionColumn[]): void {
    const { transaction } = this.table
    const current = partitioningOf(transaction.metadata)
    const same = (a: PartitionColumn, b: PartitionColumn) => a.column === b.column && a.transform === b.transform
    transaction.updateSpec((update) => {
      for (const field of current) if (!wanted.some((item) => same(item, field))) update.removeField(field)
      for (const field of wanted) if (!current.some((item) => same(item, field))) update.addField(field)
    })
  }
}

function partitioningOf(metadata: TableMetadata): PartitionColumn[] {
  const { fields } = currentSchema(metadata)
  return specById(metadata['partition-specs'], metadata['default-spec-id']).fields.flatMap((field) => {
    const column = fields.find(({ id }) => id === field['source-id'])?.name
    return column === undefined || field.transform === 'void' ? [] : [{ column, transform: field.transform }]
  })
}
