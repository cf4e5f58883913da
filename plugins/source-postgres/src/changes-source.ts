import { PhloError, type Source, type SourceRead, type SourceReadContext } from '@phlo/ports'
import { changeColumns, type ChangeRow, ChangeRows } from './change-rows.js'
import { ColumnTypes } from './column-types.js'
import { type ChangesOptions, parseChangesOptions } from './options.js'
import { formatLsn, parseLsn } from './pgoutput.js'
import { rawBatches } from './row-batches.js'
import { identifier, Session } from './session.js'
import { snapshotRows, tableShape, type TableShape } from './table-rows.js'

/** Up to where a table's changes are in the lake. */
interface ChangesCursor {
  readonly slot: string
  /** `16/B374D848`: every transaction that ended there or before. */
  readonly lsn: string
}

/**
 * Changes of a table of PostgreSQL by logical replication: first all rows in the very snapshot in which the slot was
 * made, then every change behind it. The slot is moved on only to what the lake has committed, and what comes again all
 * the same is left out by its place in the log.
 */
export class ChangesSource implements Source {
  readonly kind = 'postgres-changes'

  async read(given: unknown, { cursor, signal }: SourceReadContext): Promise<SourceRead> {
    const options = parseChangesOptions(given)
    const read = new ChangesRead(options, signal)
    const before = isCursor(cursor) && cursor.slot === options.slot ? parseLsn(cursor.lsn) : undefined
    return {
      inputs: [
        {
          type: 'rows',
          name: `${options.schema}.${options.table}`,
          rows: before === undefined ? read.snapshot() : read.changes(before),
        },
      ],
      cursor: (): ChangesCursor | undefined =>
        read.end === undefined ? undefined : { slot: options.slot, lsn: formatLsn(read.end) },
    }
  }

  /** The log always goes on. */
  async version(given: unknown): Promise<undefined> {
    parseChangesOptions(given)
  }
}

class ChangesRead {
  /** Where the read ended; known behind the last row. */
  end: bigint | undefined
  private readonly options: ChangesOptions
  private readonly signal: AbortSignal
  private readonly publication: string

  constructor(options: ChangesOptions, signal: AbortSignal) {
    this.options = options
    this.signal = signal
    this.publication = options.publication ?? options.slot
  }

  /** All rows, in the snapshot of a slot that is made for them. */
  async *snapshot(): AsyncGenerator<ChangeRow> {
    const { options, signal } = this
    const session = await Session.open(options, signal)
    const replication = await Session.open(options, signal, true).catch(async (error: unknown) => {
      await session.close()
      throw error
    })
    try {
      const shape = await tableShape(session, options)
      requireKey(shape)
      await this.preparePublication(session, shape)
      // Nothing that an older slot of the name gave was ever committed, or there would be a cursor.
      await session.rows(
        'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active',
        [options.slot],
      )
      const [made] = await replication.rows(
        `CREATE_REPLICATION_SLOT ${identifier(options.slot)} LOGICAL pgoutput EXPORT_SNAPSHOT`,
      )
      const { consistent_point: start, snapshot_name: snapshot } = made as Readonly<Record<string, string>>
      const lsn = parseLsn(start as string)
      const columns = changeColumns('insert', lsn, 0, new Date().toISOString())
      for await (const row of snapshotRows(options, shape, snapshot as string, { parallel: options.parallel, signal }))
        yield { ...row, ...columns }
      this.end = lsn
    } finally {
      await Promise.all([session.close(), replication.close()])
    }
  }

  /** What was committed behind a place in the log. */
  async *changes(after: bigint): AsyncGenerator<ChangeRow> {
    const { options, signal } = this
    const session = await Session.open(options, signal)
    const asking = await Session.open(options, signal).catch(async (error: unknown) => {
      await session.close()
      throw error
    })
    try {
      await this.moveSlot(session, after)
      const shape = await tableShape(session, options)
      requireKey(shape)
      const types = await ColumnTypes.load(session)
      const mark = await markLog(session)
      const rows = new ChangeRows(
        { ...options, columns: options.columns && new Set(options.columns), key: shape.key, after },
        types,
        (key, columns) => lookUp(asking, shape, key, columns),
      )
      let messages = 0
      const log = rawBatches(
        session,
        `SELECT data FROM pg_logical_slot_peek_binary_changes($1, NULL, $2, 'proto_version', '1', 'publication_names', $3)`,
        [options.slot, options.maxChanges ?? null, identifier(this.publication)],
      )
      for await (const batch of log) {
        messages += batch.rows.length
        for (const [data] of batch.rows) yield* await rows.take(Buffer.from((data as string).slice(2), 'hex'))
      }
      const whole = options.maxChanges === undefined || messages < options.maxChanges
      const ends = [after, rows.end ?? after, ...(whole ? [mark] : [])]
      this.end = ends.reduce((last, end) => (end > last ? end : last))
    } finally {
      await Promise.all([session.close(), asking.close()])
    }
  }

  /** Lets the server forget what the lake has. Throws PHLO_SOURCE_FAILED when it has forgotten more. */
  private async moveSlot(session: Session, committed: bigint): Promise<void> {
    const { slot } = this.options
    const [found] = await session.rows(
      'SELECT confirmed_flush_lsn::text AS confirmed, wal_status AS status FROM pg_replication_slots WHERE slot_name = $1',
      [slot],
    )
    const anew = 'Take the table in anew: drop the asset’s table, and run it.'
    if (!found || found['status'] === 'lost') {
      throw new PhloError(
        'PHLO_SOURCE_FAILED',
        `The replication slot ${slot} is gone, and with it the changes behind ${formatLsn(committed)}`,
        { hint: anew },
      )
    }
    const confirmed = parseLsn(found['confirmed'] as string)
    if (confirmed > committed) {
      throw new PhloError(
        'PHLO_SOURCE_FAILED',
        `The replication slot ${slot} has moved on to ${formatLsn(confirmed)}, and the table’s changes end at ${formatLsn(committed)}`,
        { hint: `Somebody else reads from this slot, or the table was set back. ${anew}` },
      )
    }
    if (confirmed < committed)
      await session.rows('SELECT pg_replication_slot_advance($1, $2::pg_lsn)', [slot, formatLsn(committed)])
  }

  private async preparePublication(session: Session, { name }: TableShape): Promise<void> {
    const [found] = await session.rows('SELECT pubname FROM pg_publication WHERE pubname = $1', [this.publication])
    if (!found) await session.rows(`CREATE PUBLICATION ${identifier(this.publication)} FOR TABLE ${name}`)
    const { schema, table } = this.options
    const [published] = await session.rows(
      'SELECT 1 AS one FROM pg_publication_tables WHERE pubname = $1 AND schemaname = $2 AND tablename = $3',
      [this.publication, schema, table],
    )
    if (!published)
      throw new PhloError('PHLO_SOURCE_FAILED', `The publication ${this.publication} does not publish ${name}`, {
        hint: `ALTER PUBLICATION ${identifier(this.publication)} ADD TABLE ${name}`,
      })
  }
}

/**
 * A place in the log that what is read now reaches for certain, and at which a record begins: the server need not keep
 * what other tables wrote before it, however long this one rests. Its commit is on disk, and so is all before it.
 */
async function markLog(session: Session): Promise<bigint> {
  const [{ lsn } = {}] = await session.rows(`SELECT pg_logical_emit_message(true, 'phlo', '')::text AS lsn`)
  return parseLsn(lsn as string)
}

function requireKey({ name, key }: TableShape): void {
  if (key.length > 0) return
  throw new PhloError('PHLO_SOURCE_FAILED', `${name} has no primary key, by which its changes could be told apart`, {
    hint: 'Give it one, or read it whole or by a column with postgres({ … }).',
  })
}

async function lookUp(
  session: Session,
  { name, key: columns }: TableShape,
  key: Readonly<Record<string, string | null>>,
  wanted: readonly string[],
): Promise<Readonly<Record<string, string | null>> | undefined> {
  const where = columns.map((column, index) => `${identifier(column)} = $${index + 1}`).join(' AND ')
  const list = wanted.map((column) => `${identifier(column)}::text AS ${identifier(column)}`).join(', ')
  const [found] = await session.rows(
    `SELECT ${list} FROM ${name} WHERE ${where}`,
    columns.map((column) => key[column] ?? null),
  )
  return found
}

function isCursor(value: unknown): value is ChangesCursor {
  if (typeof value !== 'object' || value === null) return false
  const { slot, lsn } = value as Partial<ChangesCursor>
  return typeof slot === 'string' && typeof lsn === 'string'
}
