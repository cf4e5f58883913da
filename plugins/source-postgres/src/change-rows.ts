import { PhloError } from '@phlo/ports'
import type { ColumnTypes, Value } from './column-types.js'
import { type ChangedValue, decodeMessage, type Message, type Relation, unchanged } from './pgoutput.js'

/** Columns that say what a row is a change of; numbers are texts, as rows of JSON have them. */
export type ChangeRow = Readonly<Record<string, Value>>

/** Looks a row's columns up in the table as it is now; `undefined` when the row is gone. */
export type Lookup = (
  key: Readonly<Record<string, string | null>>,
  columns: readonly string[],
) => Promise<Readonly<Record<string, string | null>> | undefined>

interface ChangeOptions {
  readonly schema: string
  readonly table: string
  /** Those of the table that are wanted. */
  readonly columns: ReadonlySet<string> | undefined
  readonly key: readonly string[]
  /** Changes up to here came before. */
  readonly after: bigint
}

type Texts = Readonly<Record<string, ChangedValue>>

/** Turns the messages of a slot into rows of changes, each with its operation and its place in the log. */
export class ChangeRows {
  /** Where the last transaction that was read to its end has ended. */
  end: bigint | undefined
  private readonly options: ChangeOptions
  private readonly types: ColumnTypes
  private readonly lookup: Lookup
  private readonly relations = new Map<number, Relation>()
  private transaction: { readonly lsn: bigint; readonly time: string; changes: number } | undefined

  constructor(options: ChangeOptions, types: ColumnTypes, lookup: Lookup) {
    this.options = options
    this.types = types
    this.lookup = lookup
  }

  /** Rows of one message. Throws PHLO_SOURCE_MALFORMED, and PHLO_SOURCE_FAILED for what cannot be followed. */
  async take(bytes: Buffer): Promise<readonly ChangeRow[]> {
    const message = decodeMessage(bytes)
    switch (message.kind) {
      case 'begin':
        this.transaction = { lsn: message.lsn, time: message.time.toISOString(), changes: 0 }
        return []
      case 'commit':
        this.transaction = undefined
        this.end = message.end
        return []
      case 'relation':
        this.relations.set(message.relation.id, message.relation)
        return []
      case 'truncate':
        if (message.relations.some((id) => this.ours(id))) throw truncated(this.options.table)
        return []
      case 'insert':
      case 'update':
      case 'delete': {
        const relation = this.ours(message.relation)
        // The transaction's place is that of its commit: what the last read brought begins there or before.
        if (!relation || !this.transaction || this.transaction.lsn < this.options.after) return []
        return this.changes(message, relation)
      }
      case 'other':
        return []
    }
  }

  private ours(id: number): Relation | undefined {
    const relation = this.relations.get(id)
    if (!relation) throw new PhloError('PHLO_SOURCE_MALFORMED', `A change names the table ${id}, which nothing told of`)
    const { schema, table } = this.options
    return relation.schema === schema && relation.name === table ? relation : undefined
  }

  private async changes(
    message: Extract<Message, { kind: 'insert' | 'update' | 'delete' }>,
    relation: Relation,
  ): Promise<ChangeRow[]> {
    const row = named(relation, message.row)
    if (message.kind === 'insert') return [this.row('insert', relation, row)]
    if (message.kind === 'delete') return [this.row('delete', relation, this.keyOf(row, relation))]
    const before = message.before && named(relation, message.before.row)
    const rows: ChangeRow[] = []
    // A row that has another key from now on is gone from the one, and new at the other.
    const moved = before && this.options.key.some((column) => before[column] !== row[column])
    if (moved) rows.push(this.row('delete', relation, this.keyOf(before, relation)))
    const whole = await this.whole(row, message.before?.whole === true ? before : undefined)
    if (whole) rows.push(this.row(moved ? 'insert' : 'update', relation, whole))
    return rows
  }

  /**
   * The row with the large values that the change left as they were: from the old row where the log has it, else from the
   * table as it is now. A row that is gone by now has its delete further on in the log, so that nothing need be said.
   */
  private async whole(row: Texts, before: Texts | undefined): Promise<Texts | undefined> {
    const left = Object.keys(row).filter((column) => row[column] === unchanged && this.wants(column))
    if (left.length === 0) return row
    if (before) return { ...row, ...Object.fromEntries(left.map((column) => [column, before[column] ?? null])) }
    const key = Object.fromEntries(this.options.key.map((column) => [column, row[column] as string | null]))
    const found = await this.lookup(key, left)
    return found && { ...row, ...found }
  }

  private keyOf(row: Texts, { name }: Relation): Texts {
    const key = this.options.key.map((column) => [column, row[column] ?? null] as const)
    const lacking = key.find(([, value]) => typeof value !== 'string')
    if (!lacking) return Object.fromEntries(key)
    throw new PhloError('PHLO_SOURCE_FAILED', `The log of ${name} says nothing of the key’s column ${lacking[0]}`, {
      hint: `ALTER TABLE ${name} REPLICA IDENTITY DEFAULT (with a primary key) or FULL.`,
    })
  }

  private row(operation: 'insert' | 'update' | 'delete', relation: Relation, texts: Texts): ChangeRow {
    const transaction = this.transaction as NonNullable<typeof this.transaction>
    const values = relation.columns
      .filter(({ name }) => this.wants(name))
      .map(({ name, type }) => {
        const text = texts[name]
        return [name, this.types.value(type, typeof text === 'string' ? text : null)] as const
      })
    transaction.changes++
    return {
      ...Object.fromEntries(values),
      ...changeColumns(operation, transaction.lsn, transaction.changes, transaction.time),
    }
  }

  private wants(column: string): boolean {
    return this.options.columns?.has(column) ?? true
  }
}

/** `_op`, `_lsn` (of the commit), `_seq` (within the transaction) and `_committed_at`. */
export function changeColumns(operation: string, lsn: bigint, sequence: number, time: string): ChangeRow {
  return { _op: operation, _lsn: lsn.toString(), _seq: String(sequence), _committed_at: time }
}

function named({ columns }: Relation, tuple: readonly ChangedValue[]): Texts {
  return Object.fromEntries(columns.map(({ name }, index) => [name, tuple[index] ?? null]))
}

function truncated(table: string): PhloError {
  return new PhloError('PHLO_SOURCE_FAILED', `${table} was truncated, which no change of a row can say`, {
    hint: 'Take the table in anew: drop the asset’s table, and run it.',
  })
}
