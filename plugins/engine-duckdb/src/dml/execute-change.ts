import { mkdir } from 'node:fs/promises'
import { currentSchema } from '@phlo/iceberg'
import { type ExecuteResult, formatIdentifier, PhloError } from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'
import { requireReadable } from '../statement.js'
import { everyFile, onNewestLayout, type OpenTable, openTable, replacing } from '../tables/commit-table.js'
import { LakeViews } from '../tables/lake-views.js'
import { findTable, loadTable } from '../tables/load-table.js'
import { storeFiles } from '../tables/stored-files.js'
import { TableAlterer } from './alter-table.js'
import { ChangeContext, type Of, type Outcome } from './change-context.js'
import type { ChangeStatement } from './change-statement.js'
import type { SqlPart } from './composed-sql.js'
import { tableDefinition } from './create-table.js'
import { RowsExecution } from './execute-rows.js'
import { insertedRows } from './insert-rows.js'
import { readChangeStatement } from './read-statement.js'
import { rowsOf } from './row-changes.js'
import { inspectParts, type InspectedParts, type TreeNode } from './statement-parts.js'
import { TargetRows } from './target-rows.js'

/** Runs one statement that changes one table. */
export class ChangeExecution {
  private readonly context: ChangeContext

  constructor(...parts: ConstructorParameters<typeof ChangeContext>) {
    this.context = new ChangeContext(...parts)
  }

  async run(): Promise<ExecuteResult> {
    const statement = readChangeStatement(this.context.composer.sql)
    if (!statement) {
      throw new PhloError('PHLO_SQL_FORBIDDEN', 'This statement changes no table', {
        hint: 'INSERT, UPDATE, DELETE, MERGE, CREATE TABLE, ALTER TABLE, DROP TABLE and TRUNCATE do; a SELECT is a query.',
      })
    }
    const parts = await inspectParts(this.context.connection, this.context.composer, statement)
    const views = new LakeViews(this.context.connection, this.context.store, this.context.catalog)
    try {
      await views.attach(parts.tables, this.context.options.ref === undefined ? {} : { ref: this.context.options.ref })
      await mkdir(this.context.folder, { recursive: true })
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
      await this.context.writer.clean()
    }
  }

  private async dispatch(statement: ChangeStatement, parts: InspectedParts): Promise<Outcome> {
    switch (statement.kind) {
      case 'insert':
        return this.insert(statement, parts.tree)
      case 'create':
        // Who came first has made the table that this one then leaves, replaces or finds to be there.
        return onNewestLayout(() => this.create(statement))
      case 'update':
      case 'delete':
      case 'merge':
        return new RowsExecution(this.context).run(statement, parts)
      case 'truncate':
        return {
          ...(await new RowsExecution(this.context).run(
            { ...statement, kind: 'delete', using: undefined, where: undefined },
            parts,
          )),
          operation: 'truncate',
        }
      case 'drop':
        return this.drop(statement)
      case 'alter':
        return this.alter(statement)
    }
  }

  private async insert(statement: Of<'insert'>, tree: TreeNode | undefined): Promise<Outcome> {
    const table = await this.context.open(statement)
    const rows = await insertedRows(
      this.context.connection,
      this.context.composer,
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
    const composed = this.context.composer.compose(rows)
    const staged = await this.context.writer.write(
      this.context.connection,
      composed.text,
      transaction.metadata,
      (copy) => this.context.runComposed(copy, composed),
    )
    const files = await storeFiles(this.context.store, transaction.metadata, staged)
    const snapshotId = await transaction.addSnapshot({
      add: files,
      ...(replaces && replacing(everyFile)),
      ...(this.context.options.summary && { summary: this.context.options.summary }),
    })
    await this.context.commit([table])
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
    const existing = await findTable(this.context.catalog, name, this.context.options.ref)
    if (existing && statement.ifNotExists) return { operation: 'create' }
    if (existing && !statement.orReplace)
      throw new PhloError('PHLO_TABLE_EXISTS', `There is a table ${formatIdentifier(name)} already`, {
        hint: 'Write CREATE OR REPLACE TABLE, or INSERT INTO it.',
      })
    const definition = await tableDefinition(this.context.connection, this.context.composer, statement)
    const table = existing
      ? this.context.changing(existing)
      : await openTable(this.context.store, this.context.catalog, name, this.context.options.ref ?? 'main', definition)
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
    await this.context.commit([table])
    return { operation: 'create', ...(snapshotId !== undefined && { snapshotId }) }
  }

  private async drop({ target, ifExists }: Of<'drop'>): Promise<Outcome> {
    const found = await findTable(this.context.catalog, target.table, this.context.options.ref)
    if (!found && ifExists) return { operation: 'drop' }
    const { identifier: table } =
      found ?? (await loadTable(this.context.catalog, target.table, this.context.options.ref))
    await this.context.catalog.commit([{ kind: 'drop-table', identifier: table }], this.context.commitOptions())
    return { operation: 'drop' }
  }

  private async alter(statement: Of<'alter'>): Promise<Outcome> {
    const found = await findTable(this.context.catalog, statement.target.table, this.context.options.ref)
    if (!found && statement.ifExists) return { operation: 'alter' }
    const table = await this.context.open(statement)
    await this.alterer(table).apply(statement.alteration)
    await this.context.commit([table])
    return { operation: 'alter' }
  }

  private alterer(table: OpenTable): TableAlterer {
    return new TableAlterer(this.context.connection, this.context.composer, table, async () => {
      const target = new TargetRows(
        this.context.connection,
        this.context.store,
        table.transaction.metadata,
        table.identifier,
      )
      await target.plan(undefined)
      return target.select()
    })
  }
}
