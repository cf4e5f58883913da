import { currentSchema, findField, type SnapshotChange } from '@phlo/iceberg'
import { type IngestRequest, type ObjectStore, PhloError, type WriteStrategy } from '@phlo/ports'
import { isolationLevel } from '../dml/row-changes.js'
import type { Connection } from '../duckdb-host.js'
import { lineageFields } from '../reading/rows-select.js'
import type { OpenTable } from '../tables/commit-table.js'
import type { StagedFile } from '../tables/copied-files.js'
import { isPartitioned } from '../tables/distribution.js'
import type { ParquetWriter } from '../tables/parquet-writer.js'
import { storeFiles } from '../tables/stored-files.js'
import type { Ahead } from './search-ahead.js'
import { applyEvents } from './change-events.js'
import { type Remaining, rowsIn, withoutHeld } from './held-rows.js'
import { historyRows } from './history-rows.js'
import {
  collectKeys,
  type Deduplication,
  hasRepeatedKeys,
  keyFilter,
  type MergeInto,
  replaceRows,
} from './merge-rows.js'

/** What new rows meet. */
export interface Meeting {
  readonly connection: Connection
  readonly store: ObjectStore
  readonly writer: ParquetWriter
  readonly table: OpenTable
  readonly request: IngestRequest
  readonly now: Date
  /** What was found of the rows that are replaced, where it was searched for while the new ones were written. */
  readonly ahead?: Ahead | undefined
  /** The valid rows once more, of each key the one to keep. */
  readonly deduplicate: (how: Deduplication) => Promise<readonly StagedFile[]>
  /** Deletes files that were stored and that nobody knows of. */
  readonly forget: (files: Awaited<ReturnType<typeof storeFiles>>) => Promise<void>
}

/** What becomes of new rows. */
export interface Met {
  readonly files: readonly StagedFile[]
  /** The same in the table's place, where they are being brought there already. */
  readonly stored?: ReturnType<typeof storeFiles>
  /** The change but for these files. */
  readonly change: SnapshotChange
  readonly duplicates: number
  readonly unchanged?: number
  readonly deleted?: number
}

type Keyed = Extract<WriteStrategy, { readonly key: readonly string[] }>

/** Lets valid rows, already written, meet the table's as a strategy with a key says. */
export async function meetByKey(
  meeting: Meeting,
  strategy: Keyed,
  valid: readonly StagedFile[],
  rejected: number,
): Promise<Met> {
  const { connection, store, writer, table, request, now } = meeting
  const { existing, transaction } = table
  const { metadata } = transaction
  const { key } = strategy
  const { ahead } = meeting
  const given = ahead ? { files: valid, keys: ahead.keys } : await oneEach(meeting, strategy, valid)
  const mergedBy = key.flatMap((column) => findField(currentSchema(metadata), column)?.id ?? [])
  const duplicates = rowsIn(valid) - rowsIn(given.files)
  const base = { connection, store, writer, metadata, key }
  const closesAbsent = strategy.kind === 'scd2' && strategy.absent === 'close' && rejected === 0
  if (!existing || (given.files.length === 0 && !closesAbsent)) {
    const events = strategy.kind === 'cdc' && given.files.length > 0
    const files = events ? (await applyEvents(base, strategy, given.files)).files : given.files
    return { files, change: { add: [], mergedBy }, duplicates }
  }
  const merge: MergeInto = { ...base, existing }
  const { files, heldBack } = await withoutLate(merge, strategy, given.files)
  if (strategy.kind === 'insert-only') {
    // Another writer may add the same keys meanwhile.
    const filter = keyFilter(existing.metadata, metadata, key, given.files)
    const validation = { isolation: isolationLevel(metadata, 'merge'), filter }
    return { files, change: { add: [], mergedBy, validation }, duplicates, unchanged: heldBack }
  }
  if (files.length === 0 && strategy.kind !== 'scd2')
    return { files, change: { add: [], mergedBy }, duplicates, unchanged: heldBack }
  if (strategy.kind === 'scd2') {
    const compared = request.schema.columns.map(({ name }) => name)
    const history = await historyRows(merge, files, { compared, given: given.files, closesAbsent, now })
    return {
      files: history.files,
      change: { ...history.change, mergedBy },
      duplicates,
      unchanged: heldBack + history.unchanged,
      deleted: history.closed,
    }
  }
  if (strategy.kind === 'cdc') {
    const events = await applyEvents(merge, strategy, files)
    const replaced = await replaceRows(merge, events.files, { keys: events.keys, ranges: files, identity: 'kept' })
    const { deleted } = events
    return { files: replaced.files, change: { ...replaced.change, mergedBy }, duplicates, unchanged: heldBack, deleted }
  }
  const keys = heldBack === 0 ? given.keys : await collectKeys(connection, files, key)
  // Where rows are not written once more, they are stored while those that they replace are searched for.
  const stored = lineageFields(metadata).length === 0 ? storeFiles(store, metadata, files) : undefined
  stored?.catch(() => undefined)
  const identity = strategy.keep === 'hash' ? 'kept-by-one' : 'kept'
  const found = ahead && { connection: ahead.connection }
  const replacement = { keys, ranges: files, identity, leaving: ahead?.leaving } as const
  const replaced = await replaceRows({ ...merge, ...found }, files, replacement).catch(async (error: unknown) => {
    // Nobody knows of them yet.
    await meeting.forget((await stored?.catch(() => undefined)) ?? [])
    throw error
  })
  return {
    files: replaced.files,
    ...(stored && { stored }),
    change: { ...replaced.change, mergedBy },
    duplicates,
    unchanged: heldBack,
  }
}

/**
 * Lets valid rows, already written, take the place of the table's rows with the same values of some columns or, without
 * any, of the partitions that they belong to. Throws PHLO_PARTITION_INVALID where the table has none.
 */
export async function meetByDeletion(
  { connection, store, writer, table }: Meeting,
  { by }: Extract<WriteStrategy, { kind: 'delete-insert' }>,
  files: readonly StagedFile[],
): Promise<Met> {
  const { existing, transaction } = table
  const { metadata } = transaction
  if (!existing || files.length === 0) return { files, change: { add: [] }, duplicates: 0 }
  if (by !== undefined) {
    const keys = await collectKeys(connection, files, by)
    const merge = { connection, store, writer, existing, metadata, key: by }
    const { change } = await replaceRows(merge, files, { keys, ranges: files, identity: 'new' })
    return { files, change, duplicates: 0 }
  }
  if (!isPartitioned(metadata)) {
    throw new PhloError('PHLO_PARTITION_INVALID', 'The table has no partitions that new rows could replace', {
      hint: 'Say by which columns rows are replaced, or write to a new table that is partitioned.',
    })
  }
  return { files, change: { add: [], replacePartitions: true, validation: { isolation: 'none' } }, duplicates: 0 }
}

/** One row a key, or all that differ, and the keys of what that leaves. */
async function oneEach(
  { connection, table, deduplicate }: Meeting,
  strategy: Keyed,
  valid: readonly StagedFile[],
): Promise<{ readonly files: readonly StagedFile[]; readonly keys: string }> {
  if (valid.length === 0) return { files: valid, keys: '' }
  const { key } = strategy
  const keep = strategy.kind === 'cdc' ? 'last' : strategy.keep
  const keys = await collectKeys(connection, valid, key)
  // Sources seldom repeat a key, so that it costs less to look afterwards than to prepare for it.
  if (!(await hasRepeatedKeys(connection, keys, valid, key, table.transaction.metadata))) return { files: valid, keys }
  const files = await deduplicate({ key, keep, order: orderOf(strategy) })
  return { files, keys: await collectKeys(connection, files, key) }
}

/** The columns that decide between rows of one key. */
function orderOf(strategy: Keyed): readonly string[] {
  if (strategy.kind === 'cdc') return strategy.position
  return strategy.keep === 'hash' || strategy.orderBy === undefined ? [] : [strategy.orderBy]
}

/** Leaves out what comes too late to count, or at all where the table has it. */
async function withoutLate(merge: MergeInto, strategy: Keyed, files: readonly StagedFile[]): Promise<Remaining> {
  if (files.length === 0) return { files, heldBack: 0 }
  if (strategy.kind === 'insert-only') return withoutHeld(merge, files)
  const columns = orderOf(strategy)
  if (columns.length === 0) return { files, heldBack: 0 }
  const first = strategy.kind !== 'cdc' && strategy.keep === 'first'
  return withoutHeld(merge, files, { columns, keep: first ? 'first' : 'last' })
}
