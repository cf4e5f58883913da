import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { currentSchema, type Expression, TableTransaction } from '@phlo/iceberg'
import {
  type Catalog,
  type ExecuteOptions,
  type ExecuteResult,
  formatIdentifier,
  type LoadedTable,
  type ObjectStore,
  PhloError,
} from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'
import type { Connection, DuckDbHost } from '../duckdb-host.js'
import { requireReadable } from '../statement.js'
import { commitTables, everyFile, type OpenTable, openTable, replacing } from '../tables/commit-table.js'
import { LakeViews } from '../tables/lake-views.js'
import { findTable, loadTable } from '../tables/load-table.js'
import { ParquetWriter } from '../tables/parquet-writer.js'
import { storeFiles } from '../tables/stored-files.js'
import { resultSchema } from '../tables/result-schema.js'
import { TableAlterer } from './alter-table.js'
import {
  actionColumn,
  aliasOf,
  type ChangedTable,
  comingRows,
  deletedRows,
  mergedRows,
  type MergeSource,
  rowAction,
  updatedRows,
} from './change-selects.js'
import type { ChangeStatement } from './change-statement.js'
import { type ComposedSql, SqlComposer, type SqlPart, statementWithin } from './composed-sql.js'
import { tableDefinition } from './create-table.js'
import { exactFilter } from './exact-filter.js'
import { insertedRows } from './insert-rows.js'
import { readChangeStatement } from './read-statement.js'
import { isolationLevel, RowChangeWriter, rowsOf } from './row-changes.js'
import { mergeCopies, type MergeCopies } from './merge-copies.js'
import { keyRanges, mergeKeys } from './merge-keys.js'
import { inspectParts, type InspectedParts, type TreeNode } from './statement-parts.js'
import { targetFilter } from './target-filter.js'
import { positionColumn, TargetRows, taskColumn } from './target-rows.js'

type Of<Kind extends ChangeStatement['kind']> = Extract<ChangeStatement, { kind: Kind }>

/** What a statement did; what is left out is 0. */
type Outcome = Partial<ExecuteResult> & Pick<ExecuteResult, 'operation'>

/** What UPDATE, DELETE or MERGE does to rows. */
interface CollectedChanges {
  /** The temporary table with the places of rows that leave. */
  readonly changes: string
  readonly counts: Pick<ExecuteResult, 'inserted' | 'updated' | 'deleted'>
  /** A SELECT of the rows that come. */
  readonly coming: SqlPart
}

/** Runs one statement that changes one table. */
export class ChangeExecution {
  private readonly host: DuckDbHost
  private readonly store: ObjectStore
  private readonly catalog: Catalog
  private readonly connection: Connection
  private readonly composer: SqlComposer
  private readonly sql: string
  private readonly options: ExecuteOptions
  private readonly writer: ParquetWriter
  private readonly folder: string

  constructor(
    engine: { host: DuckDbHost; store: ObjectStore; catalog: Catalog; stagingRoot: string },
    connection: Connection,
    sql: string,
    options: ExecuteOptions,
  ) {
    this.host = engine.host
    this.store = engine.store
    this.catalog = engine.catalog
    this.connection = connection
    this.sql = sql
    this.options = options
    this.composer = new SqlComposer(sql, options.params)
    this.folder = path.join(engine.stagingRoot, randomUUID())
    this.writer = new ParquetWriter(this.host, this.folder)
  }

  async run(): Promise<ExecuteResult> {
    const statement = readChangeStatement(this.sql)
    if (!statement) {
      throw new PhloError('PHLO_SQL_FORBIDDEN', 'This statement changes no table', {
        hint: 'INSERT, UPDATE, DELETE, MERGE, CREATE TABLE, ALTER TABLE, DROP TABLE and TRUNCATE do; a SELECT is a query.',
      })
    }
    const parts = await inspectParts(this.connection, this.composer, statement)
    const views = new LakeViews(this.connection, this.store, this.catalog)
    try {
      await views.attach(parts.tables, this.options.ref === undefined ? {} : { ref: this.options.ref })
      await mkdir(this.folder, { recursive: true })
      const outcome = await this.dispatch(statement, parts)
      return {
        table: statement.target.table,
        inserted: 0,
        updated: 0,
        deleted: 0,
        addedFiles: 0,
        removedFiles: 0,
        bytes: 0,
        ...outcome,
      }
    } finally {
      await views.detach()
      await this.writer.clean()
    }
  }

  private async dispatch(statement: ChangeStatement, parts: InspectedParts): Promise<Outcome> {
    switch (statement.kind) {
      case 'insert':
        return this.insert(statement, parts.tree)
      case 'create':
        return this.create(statement)
      case 'update':
      case 'delete':
      case 'merge':
        return this.change(statement, parts)
      case 'truncate':
        return {
          ...(await this.change({ ...statement, kind: 'delete', using: undefined, where: undefined }, parts)),
          operation: 'truncate',
        }
      case 'drop':
        return this.drop(statement)
      case 'alter':
        return this.alter(statement)
    }
  }

  private async insert(statement: Of<'insert'>, tree: TreeNode | undefined): Promise<Outcome> {
    const table = await this.open(statement)
    const rows = await insertedRows(
      this.connection,
      this.composer,
      statement,
      table.identifier,
      table.transaction.metadata,
      tree,
    )
    return { ...(await this.addRows(table, rows, false)), operation: 'insert' }
  }

  /** Writes the rows of a SELECT of the table's columns and commits them. */
  private async addRows(table: OpenTable, rows: SqlPart, replaces: boolean): Promise<Omit<Outcome, 'operation'>> {
    const { transaction } = table
    const composed = this.composer.compose(rows)
    const staged = await this.writer.write(this.connection, composed.text, transaction.metadata, (copy) =>
      this.runComposed(copy, composed),
    )
    const files = await storeFiles(this.store, transaction.metadata, staged)
    const snapshotId = await transaction.addSnapshot({
      add: files,
      ...(replaces && replacing(everyFile)),
      ...(this.options.summary && { summary: this.options.summary }),
    })
    await this.commit([table])
    return {
      inserted: rowsOf(files),
      addedFiles: files.length,
      bytes: files.reduce((sum, file) => sum + file.fileSize, 0),
      snapshotId,
    }
  }

  private async create(statement: Of<'create'>): Promise<Outcome> {
    const { table: name } = statement.target
    requireReadable(name)
    const existing = await findTable(this.catalog, name, this.options.ref)
    if (existing && statement.ifNotExists) return { operation: 'create' }
    if (existing && !statement.orReplace)
      throw new PhloError('PHLO_TABLE_EXISTS', `There is a table ${formatIdentifier(name)} already`, {
        hint: 'Write CREATE OR REPLACE TABLE, or INSERT INTO it.',
      })
    const definition = await tableDefinition(this.connection, this.composer, statement)
    const table = existing
      ? this.changing(existing)
      : await openTable(this.store, this.catalog, name, this.options.ref ?? 'main', definition)
    const { transaction } = table
    if (existing) {
      transaction.replaceLayout(definition.rows, definition.partitioning)
      transaction.setProperties(definition.properties)
    }
    if (existing || definition.sortOrder.length > 0) transaction.replaceSortOrder(definition.sortOrder)
    for (const { column, defaultValue: value } of statement.columns ?? []) {
      const at = { path: [column.name], span: column.span }
      if (value) await this.alterer(table).apply({ kind: 'set-default', at, value })
    }
    if (statement.query) {
      const { fields } = currentSchema(transaction.metadata)
      const names = fields.map((_, index) => `_phlo_${index}`)
      const rows: SqlPart = [
        `SELECT ${fields.map((field, index) => `_phlo_${index} AS ${identifier(field.name)}`).join(', ')} FROM (`,
        statement.query,
        `) AS _phlo_rows(${names.join(', ')})`,
      ]
      return { ...(await this.addRows(table, rows, existing !== undefined)), operation: 'create' }
    }
    const snapshotId = existing ? await transaction.addSnapshot({ add: [], ...replacing(everyFile) }) : undefined
    await this.commit([table])
    return { operation: 'create', ...(snapshotId !== undefined && { snapshotId }) }
  }

  /** UPDATE, DELETE and MERGE: finds the rows, then writes what becomes of their files. */
  private async change(statement: Of<'update' | 'delete' | 'merge'>, parts: InspectedParts): Promise<Outcome> {
    const table = await this.open(statement)
    const { metadata } = table.transaction
    const target = new TargetRows(this.connection, this.store, metadata, table.identifier)
    try {
      const { alias, table: name } = statement.target
      const changed: ChangedTable = { table: name, metadata, from: target.from(alias), alias: alias ?? name.name }
      const { rows, ranges, copies, mergedBy } = await this.changedRows(statement, changed, parts)
      const composed = this.composer.compose(rows)
      const condition = await targetFilter(this.connection, composed, target.database, metadata)
      const exact =
        statement.kind === 'delete'
          ? exactFilter(statement, changed, parts.expressions, this.options.params ?? [])
          : undefined
      const implied =
        condition && ranges ? ({ op: 'and', left: condition, right: ranges } as const) : (condition ?? ranges)
      const filter = exact ?? implied
      await target.plan(filter)
      const whole = exact ? target.takeWhole() : []
      await target.attach(statement.kind !== 'delete')
      const { changes, counts, coming } =
        (copies && (await this.collectCopies(copies))) ?? (await this.collectChanges(composed, changed))
      const outcome = {
        operation: statement.kind,
        ...counts,
        deleted: whole.reduce((sum, { file }) => sum + file.recordCount, counts.deleted),
      }
      if (outcome.inserted + outcome.updated + outcome.deleted === 0) return outcome
      const staged = await new RowChangeWriter(this.connection, this.store, this.writer, metadata).write(
        target,
        {
          leaving: `SELECT ${taskColumn}, ${positionColumn} FROM ${changes} WHERE ${positionColumn} IS NOT NULL`,
          ...(counts.inserted + counts.updated > 0 && {
            coming: this.composer.compose(coming).text,
          }),
        },
        statement.kind,
        // A missing value is the statement's fault, wherever it is found.
        (copy) => this.connection.run(copy, { sql: this.sql, placeOf: () => undefined }),
      )
      const removePaths = new Set([...staged.removePaths, ...whole.map(({ file }) => file.path)])
      const snapshotId = await table.transaction.addSnapshot({
        add: staged.add,
        removePaths,
        ...(mergedBy && { mergedBy }),
        validation: {
          isolation: isolationLevel(metadata, statement.kind),
          referencedPaths: staged.referencedPaths,
          ...(filter && { filter }),
        },
        ...(this.options.summary && { summary: this.options.summary }),
      })
      await this.commit([table])
      return {
        ...outcome,
        snapshotId,
        addedFiles: staged.add.length,
        removedFiles: removePaths.size,
        bytes: staged.add.reduce((sum, file) => sum + file.fileSize, 0),
      }
    } finally {
      await target.detach()
    }
  }

  /** A SELECT of the changes, and the ranges of keys that rows have to lie within to be among them. */
  private async changedRows(
    statement: Of<'update' | 'delete' | 'merge'>,
    changed: ChangedTable,
    { tree, expressions }: InspectedParts,
  ): Promise<{
    readonly rows: SqlPart
    readonly ranges?: Expression | undefined
    readonly copies?: MergeCopies | undefined
    readonly mergedBy?: readonly number[]
  }> {
    if (statement.kind === 'update') return { rows: updatedRows(this.composer, statement, changed) }
    if (statement.kind === 'delete') return { rows: deletedRows(statement, changed) }
    const source = await this.mergeSource(statement, tree as TreeNode)
    const keys = mergeKeys(statement, changed, source, expressions)
    return {
      rows: mergedRows(this.composer, statement, changed, source),
      ranges: await keyRanges(this.connection, this.composer, statement, keys, source),
      copies: mergeCopies(statement, changed, source, keys, expressions),
      // What the source does not match may be anywhere.
      ...(!statement.clauses.some(({ when }) => when === 'not-matched-by-source') && {
        mergedBy: keys.map(({ field }) => field.id),
      }),
    }
  }

  /** What MERGE reads; worked out once, unless it is a table. */
  private async mergeSource(statement: Of<'merge'>, tree: TreeNode): Promise<MergeSource> {
    const alias = aliasOf(tree)
    if (alias === undefined)
      throw this.composer.error(statement.source, 'The source needs a name', 'Write (SELECT …) AS source.')
    const described = this.composer.compose(['SELECT * FROM ', statement.source])
    const { columns } = await resultSchema(this.connection, described.text, {
      ...described.statement,
      ran: described.text,
    })
    if (tree.type === 'BASE_TABLE' && !tree['sample']) return { alias, from: statement.source, columns }
    const name = temporaryName('source')
    await this.runComposed(`CREATE TEMP TABLE ${name} AS ${described.text}`, described)
    return { alias, from: name, columns }
  }

  /** What the statement does, with all new values. */
  private async collectChanges(composed: ComposedSql, changed: ChangedTable): Promise<CollectedChanges> {
    const changes = await this.collect(composed)
    return { changes, counts: await this.countChanges(changes), coming: comingRows(changes, changed) }
  }

  /** Only the places of rows that leave; `undefined` when rows of the source come more often than once. */
  private async collectCopies({ places, keys, coming, count }: MergeCopies): Promise<CollectedChanges | undefined> {
    const changes = await this.collect(this.composer.compose(places))
    const matched = await this.connection.one(
      `SELECT coalesce(sum(times), 0)::BIGINT AS rows, coalesce(max(times), 0) AS most FROM ` +
        `(SELECT count(*) AS times FROM ${changes} GROUP BY ${keys.join(', ')})`,
    )
    if (Number(matched['most']) > 1) return undefined
    const given = await this.connection.one(this.composer.compose(count).text)
    const updated = Number(matched['rows'])
    return { changes, counts: { inserted: Number(given['rows']) - updated, updated, deleted: 0 }, coming }
  }

  /** Keeps what the statement does in a temporary table, so that it is worked out once. Returns its name. */
  private async collect(composed: ComposedSql): Promise<string> {
    const changes = temporaryName('changes')
    await this.runComposed(`CREATE TEMP TABLE ${changes} AS ${composed.text}`, composed)
    const [twice] = await this.connection.run(
      `SELECT count(*) AS rows FROM (SELECT 1 FROM ${changes} WHERE ${positionColumn} IS NOT NULL ` +
        `GROUP BY ${taskColumn}, ${positionColumn} HAVING count(*) > 1)`,
    )
    const rows = Number(twice?.['rows'])
    if (rows === 0) return changes
    throw new PhloError(
      'PHLO_MERGE_AMBIGUOUS',
      `${rows} ${rows === 1 ? 'row of the table is' : 'rows of the table are'} matched by several rows of the source`,
      { hint: 'Let the source have one row for each that it changes, for instance with DISTINCT ON or QUALIFY.' },
    )
  }

  private async countChanges(changes: string): Promise<Pick<ExecuteResult, 'inserted' | 'updated' | 'deleted'>> {
    const rows = await this.connection.run(
      `SELECT ${actionColumn} AS action, count(*) AS rows FROM ${changes} GROUP BY ALL`,
    )
    const count = (action: number) => Number(rows.find((row) => row['action'] === action)?.['rows'] ?? 0)
    return {
      inserted: count(rowAction.insert),
      updated: count(rowAction.update),
      deleted: count(rowAction.delete),
    }
  }

  private async drop({ target, ifExists }: Of<'drop'>): Promise<Outcome> {
    const found = await findTable(this.catalog, target.table, this.options.ref)
    if (!found && ifExists) return { operation: 'drop' }
    const { identifier: table } = found ?? (await loadTable(this.catalog, target.table, this.options.ref))
    await this.catalog.commit([{ kind: 'drop-table', identifier: table }], this.commitOptions())
    return { operation: 'drop' }
  }

  private async alter(statement: Of<'alter'>): Promise<Outcome> {
    const found = await findTable(this.catalog, statement.target.table, this.options.ref)
    if (!found && statement.ifExists) return { operation: 'alter' }
    const table = await this.open(statement)
    await this.alterer(table).apply(statement.alteration)
    await this.commit([table])
    return { operation: 'alter' }
  }

  private alterer(table: OpenTable): TableAlterer {
    return new TableAlterer(this.connection, this.composer, table, async () => {
      const target = new TargetRows(this.connection, this.store, table.transaction.metadata, table.identifier)
      await target.plan(undefined)
      return target.select()
    })
  }

  private async open({ target }: Pick<ChangeStatement, 'target'>): Promise<OpenTable> {
    return this.changing(await loadTable(this.catalog, target.table, this.options.ref))
  }

  private changing(existing: LoadedTable): OpenTable {
    const transaction = TableTransaction.change(this.store, existing.metadata)
    return { identifier: existing.identifier, existing, transaction }
  }

  private runComposed(ran: string, composed: ComposedSql) {
    return this.connection.runWithProgress(ran, this.options.onProgress, statementWithin(ran, composed))
  }

  private async commit(tables: readonly OpenTable[]): Promise<void> {
    await commitTables(this.catalog, tables, this.commitOptions())
  }

  private commitOptions() {
    const { ref, message, author, properties } = this.options
    return {
      message,
      ...(ref !== undefined && { ref }),
      ...(author !== undefined && { author }),
      ...(properties && { properties }),
    }
  }
}

/** A name that no statement of a user can use. */
function temporaryName(what: string): string {
  return `phlo_${what}_${randomUUID().replaceAll('-', '')}`
}
