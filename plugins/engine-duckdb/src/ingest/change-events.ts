import { currentSchema } from '@phlo/iceberg'
import type { WriteStrategy } from '@phlo/ports'
import { TargetRows } from '../dml/target-rows.js'
import { identifier } from '../duckdb-dialect.js'
import type { StagedFile } from '../tables/copied-files.js'
import { countRows, sameKey, temporaryTable } from './held-rows.js'
import { collectKeys, keyFilter, type MergeInto, stagedRows } from './merge-rows.js'
import { type Deletions, isOneOf } from './row-plan.js'

export type ChangeEvents = Extract<WriteStrategy, { kind: 'cdc' }>

/** The changes that only say that a row is gone, and what they need to say it. */
export function deletionsOf({ key, position, operation }: ChangeEvents): Deletions {
  return {
    column: operation.column,
    values: operation.deletes,
    needed: new Set([...key, ...position, operation.column]),
  }
}

/** What changes, one a key, do to a table. */
interface AppliedEvents {
  /** The rows that come. */
  readonly files: readonly StagedFile[]
  /** The temporary table of the keys whose rows leave. */
  readonly keys: string
  readonly deleted: number
}

/** Tells the rows that come from those that go; `table` is absent where there is none yet, and so nothing to delete. */
export async function applyEvents(
  merge: Omit<MergeInto, 'existing'> & Partial<Pick<MergeInto, 'existing'>>,
  strategy: ChangeEvents,
  events: readonly StagedFile[],
): Promise<AppliedEvents> {
  const { connection, writer, metadata, existing, key } = merge
  const isDeletion = isOneOf(deletionsOf(strategy))
  const deletions = `(SELECT * FROM ${stagedRows(events)} WHERE ${isDeletion})`
  if ((await countRows(connection, deletions)) === 0)
    return { files: events, keys: await collectKeys(connection, events, key), deleted: 0 }
  const columns = currentSchema(metadata).fields.map(({ name }) => identifier(name))
  const upserts = `SELECT ${columns.join(', ')} FROM ${stagedRows(events)} WHERE NOT ${isDeletion}`
  const write = (select: string) => writer.write(connection, select, metadata)
  if (!existing) return { files: await write(upserts), keys: await collectKeys(connection, events, key), deleted: 0 }
  const target = new TargetRows(connection, merge.store, metadata, existing.identifier)
  await target.plan(keyFilter(existing.metadata, metadata, key, events), existing.metadata)
  if (target.tasks.length === 0)
    return { files: await write(upserts), keys: await collectKeys(connection, events, key), deleted: 0 }
  const told = new Set([strategy.operation.column, ...strategy.position])
  const gone = currentSchema(metadata).fields.map(
    ({ name }) => `${told.has(name) ? 's' : 't'}.${identifier(name)} AS ${identifier(name)}`,
  )
  const going =
    `FROM (${await target.select()}) AS t JOIN ${deletions} AS s ON ${sameKey('t', 's', key)} ` +
    `WHERE t.${isDeletion} IS NOT TRUE`
  const deleted = await countRows(connection, `(SELECT 1 ${going})`)
  if (strategy.deletion === 'hard') {
    return { files: await write(upserts), keys: await collectKeys(connection, events, key), deleted }
  }
  const files = await write(`${upserts} UNION ALL SELECT ${gone.join(', ')} ${going}`)
  const keys =
    files.length > 0
      ? await collectKeys(connection, files, key)
      : await temporaryTable(connection, `SELECT ${key.map(identifier).join(', ')} FROM ${stagedRows(events)} LIMIT 0`)
  return { files, keys, deleted }
}
