import type { SnapshotInterval, SnapshotSelection } from '@phlo/iceberg'
import { formatIdentifier, type LoadedTable, PhloError } from '@phlo/ports'
import type { Connection } from '../duckdb-host.js'
import type { AtClause } from './at-clause.js'
import { type IntervalCall, intervalUsage } from './interval-call.js'

interface WrittenState extends Pick<AtClause, 'unit' | 'expression'> {
  /** How the statement says it, for errors. */
  readonly said: string
  readonly hint: string
}

/**
 * Which of a table's states an AT means: a snapshot by its id, a branch or tag of the table by its name, or what was
 * current at a time. Throws PHLO_SQL_INVALID for a value that is none.
 */
export async function atSelection(
  connection: Connection,
  table: LoadedTable,
  { unit, expression }: AtClause,
): Promise<SnapshotSelection> {
  return stateOf(connection, table, {
    unit,
    expression,
    said: `AT (${unit} => ${expression.trim()})`,
    hint: "Write AT (VERSION => 123), AT (VERSION => 'tag') or AT (TIMESTAMP => '2024-01-31 12:00:00').",
  })
}

/**
 * Which part of a table's history a function asks for: what changed since the state that it starts at. Whether its end
 * came from its start is for the scan to say. Throws PHLO_SQL_INVALID for a value that is no state.
 */
export async function callInterval(
  connection: Connection,
  table: LoadedTable,
  call: IntervalCall,
): Promise<Pick<SnapshotInterval, 'since' | 'to'>> {
  const bound = async (expression: string | undefined): Promise<SnapshotSelection | undefined> => {
    if (expression === undefined) return undefined
    const written = { expression, said: `${call.name}: ${expression.trim()}`, hint: intervalUsage }
    const [row] = await connection
      .run(`SELECT typeof(v)::VARCHAR AS type, v IS NULL AS missing FROM (SELECT (\n${expression}\n) AS v)`)
      .catch((error: unknown) => refuse(written, 'the value is none', error))
    if (row?.['missing'] === true) return undefined
    const type = row?.['type']
    const isTime = typeof type === 'string' && /^(TIMESTAMP|DATE)/.test(type)
    return stateOf(connection, table, { ...written, unit: isTime ? 'TIMESTAMP' : 'VERSION' })
  }
  const [since, to] = [await bound(call.from), await bound(call.to)]
  return { ...(since && { since }), ...(to && { to }) }
}

function refuse({ said, hint }: Pick<WrittenState, 'said' | 'hint'>, problem: string, cause?: unknown): never {
  throw new PhloError('PHLO_SQL_INVALID', `${said}: ${problem}`, { hint, ...(cause !== undefined && { cause }) })
}

async function stateOf(
  connection: Connection,
  { identifier, metadata }: LoadedTable,
  written: WrittenState,
): Promise<SnapshotSelection> {
  const { unit, expression } = written
  const fail = (problem: string, cause?: unknown) => refuse(written, problem, cause)
  const type = unit === 'VERSION' ? 'VARCHAR' : 'TIMESTAMPTZ'
  // In microseconds, as DuckDB's times are.
  const value = unit === 'VERSION' ? 'v' : 'epoch_us(v)'
  const rows = await connection
    .run(`SELECT ${value}::VARCHAR AS v FROM (SELECT CAST((\n${expression}\n) AS ${type}) AS v)`)
    .catch((error: unknown) => fail('the value is none', error))
  const text = rows[0]?.['v']
  if (typeof text !== 'string' || rows.length > 1) return fail('the value is NULL')
  if (unit === 'TIMESTAMP') {
    const asOf = new Date(Number(BigInt(text) / 1000n))
    return Number.isNaN(asOf.getTime()) ? fail('the time is beyond all that tables have') : { asOf }
  }
  if (metadata.refs?.[text] !== undefined) return { ref: text }
  if (/^\d{1,19}$/.test(text)) return { snapshotId: BigInt(text) }
  return fail(`${formatIdentifier(identifier)} has no branch or tag of that name`)
}
