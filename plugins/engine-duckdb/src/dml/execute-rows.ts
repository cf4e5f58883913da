import { randomUUID } from 'node:crypto'
import type { Expression } from '@phlo/iceberg'
import { type ExecuteResult, PhloError } from '@phlo/ports'
import { resultSchema } from '../tables/result-schema.js'
import type { ChangeContext, Of, Outcome } from './change-context.js'
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
import { commonTables } from './change-statement.js'
import type { ComposedSql, SqlPart } from './composed-sql.js'
import { exactFilter } from './exact-filter.js'
import { type FixedColumn, fixedColumns, fixedKeys } from './fixed-columns.js'
import { isolationLevel, RowChangeWriter } from './row-changes.js'
import { mergeCopies, type MergeCopies } from './merge-copies.js'
import { keyRanges, mergeKeys } from './merge-keys.js'
import type { InspectedParts, TreeNode } from './statement-parts.js'
import { targetFilter } from './target-filter.js'
import { positionColumn, TargetRows, taskColumn } from './target-rows.js'

/** What UPDATE, DELETE or MERGE does to rows. */
interface CollectedChanges {
  /** The temporary table with the places of rows that leave. */
  readonly changes: string
  readonly counts: Pick<ExecuteResult, 'inserted' | 'updated' | 'deleted'>
  /** A SELECT of the rows that come. */
  readonly coming: SqlPart
}

/** Runs UPDATE, DELETE and MERGE. */
export class RowsExecution {
  private readonly context: ChangeContext

  constructor(context: ChangeContext) {
    this.context = context
  }

  /** UPDATE, DELETE and MERGE: finds the rows, then writes what becomes of their files. */
  async run(statement: Of<'update' | 'delete' | 'merge'>, parts: InspectedParts): Promise<Outcome> {
    const table = await this.context.open(statement)
    const { metadata } = table.transaction
    const target = new TargetRows(this.context.connection, this.context.store, metadata, table.identifier)
    try {
      const { alias, table: name } = statement.target
      const changed: ChangedTable = { table: name, metadata, from: target.from(alias), alias: alias ?? name.name }
      const { rows, ranges, copies, mergedBy, fixed } = await this.changedRows(statement, changed, parts)
      const composed = this.context.composer.compose(rows)
      const condition = await targetFilter(this.context.connection, composed, target.database, metadata)
      const exact =
        statement.kind === 'delete'
          ? exactFilter(statement, changed, parts.expressions, this.context.options.params ?? [])
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
      const staged = await new RowChangeWriter(
        this.context.connection,
        this.context.store,
        this.context.writer,
        metadata,
      ).write(
        target,
        {
          leaving: `SELECT ${taskColumn}, ${positionColumn} FROM ${changes} WHERE ${positionColumn} IS NOT NULL`,
          ...(counts.inserted + counts.updated > 0 && {
            coming: this.context.composer.compose(coming).text,
          }),
        },
        statement.kind,
        // A missing value is the statement's fault, wherever it is found.
        (copy) => this.context.connection.run(copy, { sql: this.context.composer.sql, placeOf: () => undefined }),
      )
      const removePaths = new Set([...staged.removePaths, ...whole.map(({ file }) => file.path)])
      const snapshotId = await table.transaction.addSnapshot({
        add: staged.add,
        removePaths,
        ...(mergedBy && { mergedBy: [...mergedBy, ...fixedKeys(fixed ?? [], metadata, staged.dataFiles)] }),
        validation: {
          isolation: isolationLevel(metadata, statement.kind),
          referencedPaths: staged.referencedPaths,
          ...(filter && { filter }),
        },
        ...(this.context.options.summary && { summary: this.context.options.summary }),
      })
      await this.context.commit([table])
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
    readonly fixed?: readonly FixedColumn[]
  }> {
    const common = commonTables(statement)
    if (statement.kind === 'update')
      return { rows: [...common, updatedRows(this.context.composer, statement, changed)] }
    if (statement.kind === 'delete') return { rows: [...common, deletedRows(statement, changed)] }
    const source = await this.mergeSource(statement, tree as TreeNode)
    const keys = mergeKeys(statement, changed, source, expressions)
    return {
      rows: [...common, mergedRows(this.context.composer, statement, changed, source)],
      ranges: await keyRanges(this.context.connection, this.context.composer, statement, keys, source),
      copies: statement.with ? undefined : mergeCopies(statement, changed, source, keys, expressions),
      // What the source does not match may be anywhere.
      ...(!statement.clauses.some(({ when }) => when === 'not-matched-by-source') && {
        mergedBy: keys.map(({ field }) => field.id),
      }),
      fixed: keys.length > 0 ? fixedColumns(statement, changed, expressions, this.context.options.params ?? []) : [],
    }
  }

  /** What MERGE reads; worked out once, unless it is a table. */
  private async mergeSource(statement: Of<'merge'>, tree: TreeNode): Promise<MergeSource> {
    const alias = aliasOf(tree)
    if (alias === undefined)
      throw this.context.composer.error(statement.source, 'The source needs a name', 'Write (SELECT …) AS source.')
    const described = this.context.composer.compose([...commonTables(statement), 'SELECT * FROM ', statement.source])
    const { columns } = await resultSchema(this.context.connection, described.text, {
      ...described.statement,
      ran: described.text,
    })
    // Nothing else is the same whenever it is read.
    if (tree.type === 'BASE_TABLE' && tree.schema_name && !tree['sample'])
      return { alias, from: statement.source, columns }
    const name = temporaryName('source')
    await this.context.runComposed(`CREATE TEMP TABLE ${name} AS ${described.text}`, described)
    return { alias, from: name, columns }
  }

  /** What the statement does, with all new values. */
  private async collectChanges(composed: ComposedSql, changed: ChangedTable): Promise<CollectedChanges> {
    const changes = await this.collect(composed)
    return { changes, counts: await this.countChanges(changes), coming: comingRows(changes, changed) }
  }

  /** Only the places of rows that leave; `undefined` when rows of the source come more often than once. */
  private async collectCopies({ places, keys, coming, count }: MergeCopies): Promise<CollectedChanges | undefined> {
    const changes = await this.collect(this.context.composer.compose(places))
    const matched = await this.context.connection.one(
      `SELECT coalesce(sum(times), 0)::BIGINT AS rows, coalesce(max(times), 0) AS most FROM ` +
        `(SELECT count(*) AS times FROM ${changes} GROUP BY ${keys.join(', ')})`,
    )
    if (Number(matched['most']) > 1) return undefined
    const given = await this.context.connection.one(this.context.composer.compose(count).text)
    const updated = Number(matched['rows'])
    return { changes, counts: { inserted: Number(given['rows']) - updated, updated, deleted: 0 }, coming }
  }

  /** Keeps what the statement does in a temporary table, so that it is worked out once. Returns its name. */
  private async collect(composed: ComposedSql): Promise<string> {
    const changes = temporaryName('changes')
    await this.context.runComposed(`CREATE TEMP TABLE ${changes} AS ${composed.text}`, composed)
    const [twice] = await this.context.connection.run(
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
    const rows = await this.context.connection.run(
      `SELECT ${actionColumn} AS action, count(*) AS rows FROM ${changes} GROUP BY ALL`,
    )
    const count = (action: number) => Number(rows.find((row) => row['action'] === action)?.['rows'] ?? 0)
    return {
      inserted: count(rowAction.insert),
      updated: count(rowAction.update),
      deleted: count(rowAction.delete),
    }
  }
}

/** A name that no statement of a user can use. */
function temporaryName(what: string): string {
  return `phlo_${what}_${randomUUID().replaceAll('-', '')}`
}
