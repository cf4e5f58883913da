import { createHash } from 'node:crypto'
import {
  type AssetCheck,
  assetKey,
  type AssetStrategy,
  checkCron,
  type IngestionAsset,
  type LoadContext,
  type LoadResult,
  type PartitionDefinition,
} from '@phlo/core'
import {
  type BronzeColumn,
  bronzeColumns,
  formatIdentifier,
  isPhloError,
  nearest,
  parseIdentifier,
  PhloError,
  restated,
  type RowSchema,
  type SourceLocation,
  type SourceSpec,
} from '@phlo/ports'
import { rowSchemaFromZod } from '@phlo/schema'
import type { z } from 'zod'
import { fresh, unique } from './checks.js'
import { declarations } from './collector.js'
import { declaredAt } from './declared-at.js'
import { type Duration, milliseconds } from './durations.js'
import { type RetryOptions, retryPolicy } from './retries.js'
import { partitionDefinition, type Partitions } from './partitions.js'
import { declaredStrategy, type MergeOptions } from './write-strategy.js'

/** Names of a schema's columns. */
export type ColumnOf<Schema extends z.ZodObject> = keyof z.output<Schema> & string

/** A declared asset, to be named in checks and as something others are made of. */
export interface AssetHandle<out Column extends string = string> {
  /** `namespace.name`. */
  readonly key: string
  /** Never set: carries the columns' names. */
  readonly columns?: Column
}

export interface IngestionOptions<Schema extends z.ZodObject> {
  /** The table's own name. */
  readonly name: string
  /** The table's namespace. Default `bronze`. */
  readonly namespace?: string
  readonly group?: string
  readonly description?: string
  readonly tags?: readonly string[]
  /** What a row must be. `z.looseObject` leaves columns out that it does not name; otherwise they are an error. */
  readonly schema: Schema
  readonly uniqueKey?: ColumnOf<Schema> | readonly ColumnOf<Schema>[]
  /** How new rows meet the table's. Default: `merge` with a `uniqueKey` and without partitions, `overwrite` otherwise. */
  readonly merge?: MergeOptions<ColumnOf<Schema>>
  readonly partitions?: Partitions<ColumnOf<Schema>>
  /** Further Iceberg partitioning, for instance `bucket(16, id)` or `region`. */
  readonly partitionBy?: readonly string[]
  /** Any rejected row fails the asset. Default: rejected rows go to quarantine, and all of them failing fails it. */
  readonly strict?: boolean
  /** When it is due, five fields. */
  readonly cron?: string
  /** How old the newest row may be, by `column` or the partitions' column. */
  readonly freshness?: { readonly warn?: Duration; readonly fail?: Duration; readonly column?: ColumnOf<Schema> }
  /**
   * Columns that say where a row comes from, behind those of the schema: all of {@link BronzeColumn}, or some. Default: none.
   */
  readonly bronze?: boolean | readonly BronzeColumn[]
  /** What `source_system` says. Default: the group, or else the kind of source. */
  readonly sourceSystem?: string
  /**
   * How long its rows stay when `phlo retention` runs, instead of what phlo.yaml says of its namespace; by the age that
   * `column` tells, or else `ingestion_timestamp`, or the partitions' column.
   */
  readonly retention?:
    Duration | 'forever' | { readonly keep: Duration | 'forever'; readonly column?: ColumnOf<Schema> }
  /**
   * The column by which the asset knows what it has read: its greatest value is kept in the commit of its rows, and the
   * function's `cursor.from` is that less `lag` (a duration, or a number for a number), for rows that come late.
   */
  readonly cursor?: { readonly column: ColumnOf<Schema>; readonly lag?: Duration | number }
  /** How often a source that fails is tried again, or with which waits. Default: not at all. */
  readonly retries?: number | RetryOptions
  /** How long taking it in may last; then it is stopped, and tried again where there are `retries`. */
  readonly timeout?: Duration
  /** Assets that must be there first; their tables can be read with `ctx.query`. */
  readonly deps?: readonly (AssetHandle | string)[]
}

/** A source, or a function that gives one, rows, an Arrow table, or an (async) iterable of rows or of Arrow's record batches. */
export type IngestionSource = SourceSpec | ((context: LoadContext) => LoadResult | Promise<LoadResult>)

type MethodDecorator = <This, Result extends LoadResult | Promise<LoadResult>>(
  method: (this: This, context: LoadContext) => Result,
  context: ClassMethodDecoratorContext<This, (this: This, context: LoadContext) => Result>,
) => void

/**
 * Declares an asset that brings data in. With a source or function it gives the asset; without, a standard decorator for
 * a method of a class, which becomes the function.
 *
 * @example
 * export const airports = ingestion(
 *   { name: 'airports', schema: Airport, uniqueKey: 'iata' },
 *   files({ path: 'data/airports.csv' }),
 * )
 */
export function ingestion<Schema extends z.ZodObject>(
  options: IngestionOptions<Schema>,
  source: IngestionSource,
): AssetHandle<ColumnOf<Schema>>
export function ingestion<Schema extends z.ZodObject>(options: IngestionOptions<Schema>): MethodDecorator
export function ingestion<Schema extends z.ZodObject>(
  options: IngestionOptions<Schema>,
  source?: IngestionSource,
): AssetHandle<ColumnOf<Schema>> | MethodDecorator {
  const location = declaredAt()
  if (source !== undefined) return declare(options, source, location)
  return (method, context) => {
    if (context.kind !== 'method') throw invalid('ingestion() decorates methods', location)
    // A static method is called on its class, any other on an instance, which the loader makes of exported classes.
    let self: unknown
    context.addInitializer(function (this: unknown) {
      // eslint-disable-next-line @typescript-eslint/no-this-alias -- the instance is what the method is called on later
      self = this
    })
    if (!context.static && context.metadata) {
      const method = String(context.name)
      declarations().decorated.push({ metadata: context.metadata, method, ...(location && { location }) })
    }
    const load = (given: LoadContext) => {
      if (self !== undefined) return (method as (this: unknown, given: LoadContext) => LoadResult).call(self, given)
      throw invalid(
        `The class of the method ${String(context.name)} must be exported, or the method be static`,
        location,
      )
    }
    // The text of the method, not of this wrapper, is what makes the asset what it is.
    declare(options, Object.assign(load, { toString: () => method.toString() }), location)
  }
}

function declare<Schema extends z.ZodObject>(
  options: IngestionOptions<Schema>,
  source: IngestionSource,
  location: SourceLocation | undefined,
): AssetHandle<ColumnOf<Schema>> {
  const asset = withLocation(location, () =>
    makeAsset(options as unknown as IngestionOptions<z.ZodObject>, source, location),
  )
  declarations().assets.push(asset)
  return { key: asset.key }
}

function makeAsset(
  options: IngestionOptions<z.ZodObject>,
  source: IngestionSource,
  location: SourceLocation | undefined,
): IngestionAsset {
  checkOptions(options, location)
  const target = parseIdentifier(formatIdentifier({ namespace: [options.namespace ?? 'bronze'], name: options.name }))
  if (!target) throw invalid(`${JSON.stringify(options.name)} cannot be a table’s name`, location)
  const { rows, loose } = rowSchemaFromZod(options.schema)
  const key = keyColumns(options, rows, location)
  const partitions = options.partitions && partitionDefinition(options.partitions)
  if (partitions) checkPartitionColumn(partitions, rows, location)
  if (options.cron !== undefined) checkCron(options.cron, 'UTC', location)
  const partitionBy = (options.partitionBy ?? []).map((text) => parsePartition(text, rows, location))
  const strategy = declaredStrategy(options.merge, {
    rows,
    key,
    hasPartitions: partitions !== undefined,
    isDivided: partitions !== undefined || partitionBy.length > 0,
  })
  const bronze = bronzeOf(options, rows, source, location)
  const freshness = freshnessOf(options)
  return {
    kind: 'ingestion',
    key: assetKey(target),
    target,
    ...(options.group !== undefined && { group: options.group }),
    ...(options.description !== undefined && { description: options.description }),
    tags: options.tags ?? [],
    upstream: (options.deps ?? []).map((dep) => (typeof dep === 'string' ? dep : dep.key)),
    checks: ownChecks(options, rows, key, strategy, location),
    codeVersion: hash({ rows, strategy, partitions, partitionBy, bronze, source: sourceText(source) }),
    ...(location && { location }),
    schema: rows,
    strategy,
    ...(partitions && { partitions }),
    partitionBy,
    unexpectedColumns: loose ? 'discard_value' : 'freeze',
    strict: options.strict ?? false,
    source: typeof source === 'function' ? { kind: 'function', load: source } : { kind: 'static', spec: source },
    ...(options.cron !== undefined && { cron: options.cron }),
    ...(freshness && { freshness }),
    ...(bronze && { bronze }),
    ...(options.retention !== undefined && { retention: retentionOf(options.retention) }),
    ...(options.cursor && { cursor: cursorColumn(options.cursor, rows, strategy, partitions !== undefined, location) }),
    ...(options.retries !== undefined && { retries: retryPolicy(options.retries) }),
    ...(options.timeout !== undefined && { timeout: milliseconds(options.timeout) }),
  }
}

/** The compiler says the same, but not every project asks one. */
const optionNames: Readonly<Record<keyof IngestionOptions<z.ZodObject>, true>> = {
  name: true,
  namespace: true,
  group: true,
  description: true,
  tags: true,
  schema: true,
  uniqueKey: true,
  merge: true,
  partitions: true,
  partitionBy: true,
  strict: true,
  cron: true,
  freshness: true,
  bronze: true,
  sourceSystem: true,
  retention: true,
  cursor: true,
  retries: true,
  timeout: true,
  deps: true,
}

function checkOptions(options: IngestionOptions<z.ZodObject>, location: SourceLocation | undefined): void {
  const refuse = (given: string, what: string, known: readonly string[]) => {
    const near = nearest(given, known)
    const hint = `${near === undefined ? '' : `Did you mean ${near}? `}Known: ${known.join(', ')}.`
    throw invalid(`There is no ${what} ${JSON.stringify(given)}`, location, hint)
  }
  const names = Object.keys(optionNames)
  const unknown = Object.keys(options).find((name) => !names.includes(name))
  if (unknown !== undefined) refuse(unknown, 'option', names)
}

function keyColumns(
  options: IngestionOptions<z.ZodObject>,
  rows: RowSchema,
  location: SourceLocation | undefined,
): readonly string[] {
  const { uniqueKey } = options
  const key = uniqueKey === undefined ? [] : typeof uniqueKey === 'string' ? [uniqueKey] : uniqueKey
  for (const name of key) {
    const column = rows.columns.find((candidate) => candidate.name === name)
    if (!column) throw invalid(`uniqueKey names ${JSON.stringify(name)}, which is no column of the schema`, location)
    if (!column.required) throw invalid(`uniqueKey names ${name}, which may be NULL`, location)
    if (typeof column.type !== 'string') throw invalid(`uniqueKey names ${name}, which is nested`, location)
  }
  return key
}

/** NULL has no partition, so the column must not hold it. */
function checkPartitionColumn(
  { column: name, unit, timezone }: PartitionDefinition,
  rows: RowSchema,
  location: SourceLocation | undefined,
): void {
  const column = rows.columns.find((candidate) => candidate.name === name)
  if (!column) throw invalid(`partitions name ${JSON.stringify(name)}, which is no column of the schema`, location)
  if (!['date', 'timestamp', 'timestamptz'].includes(formatColumnType(column.type)))
    throw invalid(`partitions name ${name}, which is no date or time`, location)
  if (column.type === 'date' && unit === 'hour') throw invalid(`partitions name ${name}, which has no hours`, location)
  if (timezone !== undefined && column.type !== 'timestamptz')
    throw invalid(`partitions have a time zone, but ${name} has none: its values are no instants`, location)
  if (!column.required) throw invalid(`partitions name ${name}, which may be NULL`, location)
}

/** What the schema promises of the table as a whole. A merge keeps its key unique by itself. */
function ownChecks(
  options: IngestionOptions<z.ZodObject>,
  rows: RowSchema,
  key: readonly string[],
  strategy: AssetStrategy,
  location: SourceLocation | undefined,
): AssetCheck[] {
  const unique_ = rows.columns.filter((column) => column.unique).map(({ name }) => [name])
  const keys = [...(key.length > 0 ? [key] : []), ...unique_.filter(([name]) => !(key.length === 1 && key[0] === name))]
  const merged = (columns: readonly string[]) =>
    'key' in strategy &&
    !(strategy.kind === 'merge' && strategy.keep === 'hash') &&
    columns.length === strategy.key.length &&
    columns.every((name) => strategy.key.includes(name))
  // Of a history, only the current rows are the source's, and no two of them share a key.
  const repeated = strategy.kind === 'scd2' ? [] : keys.filter((columns) => !merged(columns))
  const checks = repeated.map((columns) => unique(columns).check)
  const { freshness } = options
  const column = freshness?.column ?? options.partitions?.options.column
  if (freshness && !rows.columns.some(({ name }) => name === column)) {
    const problem =
      column === undefined ? 'needs a column' : `names ${JSON.stringify(column)}, which is no column of the schema`
    throw invalid(`freshness ${problem}`, location)
  }
  if (freshness?.warn)
    checks.push(fresh(column as string, freshness.warn, { name: 'freshness_warn', severity: 'warn' }).check)
  if (freshness?.fail) checks.push(fresh(column as string, freshness.fail, { name: 'freshness_fail' }).check)
  return checks.map((item) => ({ ...item, ...(location && { location }) }))
}

function bronzeOf(
  options: IngestionOptions<z.ZodObject>,
  rows: RowSchema,
  source: IngestionSource,
  location: SourceLocation | undefined,
): IngestionAsset['bronze'] {
  const { bronze, group, sourceSystem = group ?? (typeof source === 'function' ? 'function' : source.kind) } = options
  if (!bronze) return undefined
  const columns = bronze === true ? bronzeColumns : bronze
  const unknown = columns.find((name) => !bronzeColumns.includes(name))
  if (unknown !== undefined)
    throw invalid(
      `There is no bronze column ${JSON.stringify(unknown)}`,
      location,
      `Known: ${bronzeColumns.join(', ')}.`,
    )
  const taken = columns.find((name) => rows.columns.some((column) => column.name === name))
  if (taken !== undefined)
    throw invalid(`The schema has a column ${taken} of its own`, location, 'Leave it out of bronze.')
  return { columns, sourceSystem }
}

function retentionOf(
  options: NonNullable<IngestionOptions<z.ZodObject>['retention']>,
): NonNullable<IngestionAsset['retention']> {
  const { keep, column } = typeof options === 'string' ? { keep: options, column: undefined } : options
  return { keep: keep === 'forever' ? Infinity : milliseconds(keep), ...(column !== undefined && { column }) }
}

function cursorColumn(
  { column: name, lag }: NonNullable<IngestionOptions<z.ZodObject>['cursor']>,
  rows: RowSchema,
  strategy: AssetStrategy,
  hasPartitions: boolean,
  location: SourceLocation | undefined,
): NonNullable<IngestionAsset['cursor']> {
  const column = rows.columns.find((candidate) => candidate.name === name)
  if (!column) throw invalid(`cursor names ${JSON.stringify(name)}, which is no column of the schema`, location)
  const type = formatColumnType(column.type)
  if (!['int', 'long', 'string', 'date', 'timestamp', 'timestamptz'].includes(type))
    throw invalid(`cursor names ${name}, whose values have no order that a source could go on from`, location)
  const isNumber = type === 'int' || type === 'long'
  if (lag !== undefined && (type === 'string' || isNumber !== (typeof lag === 'number')))
    throw invalid(`The cursor’s lag of ${JSON.stringify(lag)} does not suit ${name}, a ${type}`, location)
  if (hasPartitions) throw invalid('An asset with partitions reads each whole, and has no cursor', location)
  // What is read twice, or only from some time on, must not double rows, nor replace all.
  if (!('key' in strategy) || (strategy.kind === 'scd2' && strategy.absent === 'close'))
    throw invalid(
      `An asset with a cursor reads rows in parts, which does not go with its strategy`,
      location,
      'Give it a uniqueKey, and merge, insert-only, cdc, or scd2 with absent: keep.',
    )
  return { column: name, type, ...(lag !== undefined && { lag: typeof lag === 'number' ? lag : milliseconds(lag) }) }
}

function freshnessOf({ freshness }: IngestionOptions<z.ZodObject>): IngestionAsset['freshness'] {
  if (!freshness) return undefined
  const age = (duration: Duration | undefined) => (duration === undefined ? Infinity : milliseconds(duration))
  return { warnAfter: age(freshness.warn), failAfter: age(freshness.fail) }
}

/** `bucket(16, id)`, `truncate(4, code)`, `day(at)` or a bare column. */
function parsePartition(
  text: string,
  rows: RowSchema,
  location: SourceLocation | undefined,
): { column: string; transform: string } {
  const [, name = 'identity', size, column = text.trim()] =
    /^\s*(\w+)\(\s*(?:(\d+)\s*,\s*)?(.+?)\s*\)\s*$/.exec(text) ?? []
  const sized = ['bucket', 'truncate'].includes(name)
  if (!sized && !['identity', 'year', 'month', 'day', 'hour'].includes(name)) {
    const near = nearest(name, ['identity', 'year', 'month', 'day', 'hour', 'bucket', 'truncate'])
    throw invalid(
      `partitionBy has ${JSON.stringify(text)}, and there is no transform ${name}`,
      location,
      near === undefined ? undefined : `Did you mean ${near}?`,
    )
  }
  if (sized !== (size !== undefined)) {
    const wanted = sized ? `${name}(16, ${column})` : `${name}(${column})`
    throw invalid(`partitionBy has ${JSON.stringify(text)}`, location, `Write ${wanted}.`)
  }
  if (!rows.columns.some((candidate) => candidate.name === column)) {
    throw invalid(`partitionBy names ${JSON.stringify(column)}, which is no column of the schema`, location)
  }
  return { column, transform: size === undefined ? name : `${name}[${size}]` }
}

/** Nested types have no name of their own; none of them can be a partition. */
function formatColumnType(type: RowSchema['columns'][number]['type']): string {
  return typeof type === 'string' ? type : type.type
}

function sourceText(source: IngestionSource): string {
  return typeof source === 'function' ? source.toString() : JSON.stringify(source)
}

function hash(value: unknown): string {
  const text = JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item))
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

function invalid(problem: string, location: SourceLocation | undefined, hint?: string): PhloError {
  return new PhloError('PHLO_WORKFLOW_INVALID', problem, {
    ...(hint !== undefined && { hint }),
    ...(location && { location }),
  })
}

/** Errors of what is declared point to the declaration. */
function withLocation<T>(location: SourceLocation | undefined, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!isPhloError(error) || error.location || !location) throw error
    throw restated(error, { location, cause: error })
  }
}
