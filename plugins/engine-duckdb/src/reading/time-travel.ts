import type { SnapshotSelection } from '@phlo/iceberg'
import { formatIdentifier, type LoadedTable, PhloError } from '@phlo/ports'
import type { Connection } from '../duckdb-host.js'
import type { AtClause } from './at-clause.js'

/**
 * Which of a table's states an AT means: a snapshot by its id, a branch or tag of the table by its name, or what was
 * current at a time. Throws PHLO_SQL_INVALID for a value that is none.
 */
export async function atSelection(
  connection: Connection,
  { identifier, metadata }: LoadedTable,
  { unit, expression }: AtClause,
): Promise<SnapshotSelection> {
  const fail = (problem: string, cause?: unknown): never => {
    throw new PhloError('PHLO_SQL_INVALID', `AT (${unit} => ${expression.trim()}): ${problem}`, {
      hint: "Write AT (VERSION => 123), AT (VERSION => 'tag') or AT (TIMESTAMP => '2024-01-31 12:00:00').",
      ...(cause !== undefined && { cause }),
    })
  }
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
