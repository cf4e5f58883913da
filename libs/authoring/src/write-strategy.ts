import type { AssetStrategy } from '@phlo/core'
import { type ColumnSchema, historyColumns, nearest, PhloError, type RowChoice, type RowSchema } from '@phlo/ports'

/** How new rows meet the table's. */
export type MergeOptions<Column extends string = string> =
  | UpsertOptions<Column>
  | WholeOptions
  | InsertOnlyOptions<Column>
  | DeleteInsertOptions<Column>
  | HistoryOptions<Column>
  | ChangesOptions<Column>

/** Rows replace those with the same key: the default with a `uniqueKey` and without partitions. */
export interface UpsertOptions<Column extends string = string> {
  readonly strategy?: 'merge'
  /** Of several new rows with one key, which counts; `hash`: all that differ. Default `last`. */
  readonly keep?: 'first' | 'last' | 'hash'
  /**
   * The row with the greatest value of this column counts, or with `keep: 'first'` the smallest, whether it comes now or
   * is in the table already.
   */
  readonly orderBy?: Column
}

/** `overwrite` (the default otherwise): rows replace the partition, or the table. `append`: they are added. */
export interface WholeOptions {
  readonly strategy: 'overwrite' | 'append'
}

/** Rows whose key the table has not are added; the others are left out. */
export interface InsertOnlyOptions<Column extends string = string> {
  readonly strategy: 'insert-only'
  /** Of several new rows with one key, which counts. Default `first`. */
  readonly keep?: RowChoice['keep']
  readonly orderBy?: Column
}

/** Rows replace the partitions of the table that they belong to or, with `by`, the rows with the same values of columns. */
export interface DeleteInsertOptions<Column extends string = string> {
  readonly strategy: 'delete-insert'
  readonly by?: Column | readonly Column[]
}

/**
 * The table is a history: each row has `valid_from`, `valid_to` and `is_current`. A row that differs from the current one
 * of its key closes it and takes its place.
 */
export interface HistoryOptions<Column extends string = string> {
  readonly strategy: 'scd2'
  readonly keep?: RowChoice['keep']
  readonly orderBy?: Column
  /**
   * What a key means that the source has no more. `close` (default): it was deleted there, and its current row is closed.
   * `keep`: nothing; for sources that give only what is new.
   */
  readonly absent?: 'close' | 'keep'
}

/** Rows are changes, as a log of a database has them: the last one of a key counts, and may delete its row. */
export interface ChangesOptions<Column extends string = string> {
  readonly strategy: 'cdc'
  /** The column that says what happened, an enum, and its values that mean a deletion. Default `['delete']`. */
  readonly operation: { readonly column: Column; readonly deletes?: readonly string[] }
  /** Columns that say in which order things happened, for instance the log's position. */
  readonly position: Column | readonly Column[]
  /** `hard` (default): deleted rows go. `soft`: they stay as they were, with the operation and position of the deletion. */
  readonly deletion?: 'hard' | 'soft'
}

const optionsOf: Readonly<Record<AssetStrategy['kind'], readonly string[]>> = {
  merge: ['keep', 'orderBy'],
  overwrite: [],
  append: [],
  'insert-only': ['keep', 'orderBy'],
  'delete-insert': ['by'],
  scd2: ['keep', 'orderBy', 'absent'],
  cdc: ['operation', 'position', 'deletion'],
}
const choices: Readonly<Record<string, readonly string[]>> = {
  keep: ['first', 'last'],
  absent: ['close', 'keep'],
  deletion: ['hard', 'soft'],
}

/** What a strategy is declared with. */
export interface StrategyPlace {
  readonly rows: RowSchema
  readonly key: readonly string[]
  /** Whether the asset has partitions of time, and whether the table has any others. */
  readonly hasPartitions: boolean
  readonly isDivided: boolean
}

/** The strategy that options declare. Throws PHLO_WORKFLOW_INVALID for what does not go together. */
export function declaredStrategy(options: MergeOptions | undefined, place: StrategyPlace): AssetStrategy {
  const { key, hasPartitions } = place
  const kind = options?.strategy ?? (key.length > 0 && !hasPartitions ? 'merge' : 'overwrite')
  checkOptions(kind, options ?? {})
  const given = { ...options, strategy: kind } as
    Extract<MergeOptions, { strategy: string }> | (UpsertOptions & { strategy: 'merge' })
  if (kind !== 'overwrite' && kind !== 'append' && kind !== 'delete-insert' && key.length === 0)
    throw invalid(`The ${kind} strategy needs a uniqueKey`)
  switch (given.strategy) {
    case 'overwrite':
    case 'append':
      return { kind: given.strategy }
    case 'insert-only':
      return { kind: 'insert-only', key, ...choice(given, place, 'first') }
    case 'delete-insert':
      return deleteInsert(given, place)
    case 'scd2':
      return history(given, place)
    case 'cdc':
      return changes(given, place)
    case 'merge':
      if (given.keep !== 'hash') return { kind: 'merge', key, ...choice({ ...given, keep: given.keep }, place, 'last') }
      if (given.orderBy !== undefined)
        throw invalid('keep: hash keeps all rows that differ, so that orderBy decides nothing')
      return { kind: 'merge', key, keep: 'hash' }
  }
}

function checkOptions(kind: string, options: object): void {
  if (!Object.hasOwn(optionsOf, kind)) throw unknown('merge strategy', kind, Object.keys(optionsOf))
  const known = optionsOf[kind as AssetStrategy['kind']]
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (name === 'strategy' || value === undefined) continue
    if (!known.includes(name)) throw unknown(`option of the ${kind} strategy`, name, ['strategy', ...known])
    const values = [...(choices[name] ?? []), ...(name === 'keep' && kind === 'merge' ? ['hash'] : [])]
    if (values.length > 0 && !values.includes(value as string))
      throw unknown(
        name === 'keep' ? 'row to keep' : name,
        typeof value === 'string' ? value : JSON.stringify(value),
        values,
      )
  }
}

function choice(
  { keep, orderBy }: { readonly keep?: RowChoice['keep'] | undefined; readonly orderBy?: string },
  { rows }: StrategyPlace,
  byDefault: RowChoice['keep'],
): RowChoice {
  if (orderBy !== undefined) comparableColumn(orderBy, 'merge.orderBy', rows)
  return { keep: keep ?? byDefault, ...(orderBy !== undefined && { orderBy }) }
}

function deleteInsert({ by }: DeleteInsertOptions, { rows, isDivided }: StrategyPlace): AssetStrategy {
  if (by === undefined && !isDivided)
    throw invalid(
      'The delete-insert strategy needs columns or partitions to replace rows by',
      'Give by, partitions or partitionBy.',
    )
  const columns = by === undefined ? undefined : listOf(by)
  for (const name of columns ?? []) comparableColumn(name, 'merge.by', rows)
  if (columns?.length === 0) throw invalid('merge.by names no column')
  return { kind: 'delete-insert', ...(columns && { by: columns }) }
}

function history(options: HistoryOptions, place: StrategyPlace): AssetStrategy {
  if (place.hasPartitions)
    throw invalid(
      'A history has no partitions of its source: it needs each state of the source in the order of time',
      'Leave partitions out; partitionBy divides the table’s files.',
    )
  const taken = place.rows.columns.find(({ name }) => (Object.values(historyColumns) as string[]).includes(name))
  if (taken) throw invalid(`A history has a column ${taken.name} of its own, so that the schema cannot have one`)
  return { kind: 'scd2', key: place.key, absent: options.absent ?? 'close', ...choice(options, place, 'last') }
}

function changes(
  { operation, position, deletion }: ChangesOptions,
  { rows, key, hasPartitions }: StrategyPlace,
): AssetStrategy {
  if (hasPartitions) throw invalid('Changes of a log have no partitions: they are applied in the order of the log')
  if (operation === undefined || position === undefined)
    throw invalid('The cdc strategy needs an operation and a position', "operation: { column: 'op' }, position: 'lsn'")
  const columns = listOf(position)
  if (columns.length === 0) throw invalid('merge.position names no column')
  for (const name of columns) comparableColumn(name, 'merge.position', rows)
  const told = comparableColumn(operation.column, 'merge.operation', rows)
  const values = told.rules.flatMap((rule) => (rule.kind === 'in' ? rule.values : []))
  if (told.type !== 'string' || values.length === 0)
    throw invalid(
      `merge.operation names ${told.name}, of which it is not known which values it can have`,
      `Declare it as an enum: ${told.name}: z.enum(['insert', 'update', 'delete'])`,
    )
  const deletes = operation.deletes ?? ['delete']
  const other = deletes.find((value) => !values.includes(value))
  if (other !== undefined) throw unknown(`value of ${told.name}`, other, values.map(String))
  return {
    kind: 'cdc',
    key,
    position: columns,
    operation: { column: told.name, deletes },
    deletion: deletion ?? 'hard',
  }
}

/** NULL comes neither before nor after, and equals nothing. */
function comparableColumn(name: string, option: string, rows: RowSchema): ColumnSchema {
  const column = rows.columns.find((candidate) => candidate.name === name)
  if (!column) throw invalid(`${option} names ${JSON.stringify(name)}, which is no column of the schema`)
  if (!column.required) throw invalid(`${option} names ${name}, which may be NULL`)
  if (typeof column.type !== 'string') throw invalid(`${option} names ${name}, which is nested`)
  return column
}

function listOf(names: string | readonly string[]): readonly string[] {
  return typeof names === 'string' ? [names] : names
}

function unknown(what: string, given: string, known: readonly string[]): PhloError {
  const near = nearest(given, known)
  const hint = `${near === undefined ? '' : `Did you mean ${near}? `}Known: ${known.join(', ')}.`
  return invalid(`There is no ${what} ${JSON.stringify(given)}`, hint)
}

function invalid(problem: string, hint?: string): PhloError {
  return new PhloError('PHLO_WORKFLOW_INVALID', problem, { ...(hint !== undefined && { hint }) })
}
