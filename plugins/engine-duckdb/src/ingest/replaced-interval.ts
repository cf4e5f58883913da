import { bindSpec, currentSchema, type Expression, findField, type SnapshotChange, specById } from '@phlo/iceberg'
import type { PartitionInterval, TableMetadata } from '@phlo/ports'
import { isolationLevel, RowChangeWriter } from '../dml/row-changes.js'
import { placesOf, TargetRows } from '../dml/target-rows.js'
import { duckdbDialect, identifier } from '../duckdb-dialect.js'
import type { MergeInto } from './merge-rows.js'

/** Texts of instants and dates at which partitions of a transform begin. */
const beginnings: Readonly<Record<string, RegExp>> = {
  identity: /^/,
  hour: /:00:00(\.0+)?Z?$/,
  day: /(^[\d-]+|T00:00:00(\.0+)?Z?)$/,
  month: /-01(T00:00:00(\.0+)?Z?)?$/,
  year: /-01-01(T00:00:00(\.0+)?Z?)?$/,
}

/** Do both ends of the interval lie between partitions of the table? Those of a day of another time zone do not. */
export function endsWithPartitions(metadata: TableMetadata, { column, from, to }: PartitionInterval): boolean {
  const source = findField(currentSchema(metadata), column)?.id
  const spec = bindSpec(specById(metadata['partition-specs'], metadata['default-spec-id']), currentSchema(metadata))
  const bound = spec.find(({ field, transform }) => field['source-id'] === source && transform.kind in beginnings)
  const beginning = beginnings[bound?.transform.kind ?? ''] ?? /^$/
  return beginning.test(from) && beginning.test(to)
}

/** Takes the rows of an interval out of the table: whole files where all of their rows are in it, and rows of the others. */
export async function replacedInterval(
  { connection, store, writer, existing, metadata }: Omit<MergeInto, 'key'>,
  { column, from, to }: PartitionInterval,
): Promise<SnapshotChange> {
  const field = findField(currentSchema(metadata), column)
  const isolation = isolationLevel(metadata, 'delete')
  const filter: Expression = {
    op: 'and',
    left: { op: 'gte', column, value: from },
    right: { op: 'lt', column, value: to },
  }
  const target = new TargetRows(connection, store, metadata, existing.identifier)
  await target.plan(filter, existing.metadata)
  const whole = target.takeWhole().map(({ file }) => file.path)
  if (target.tasks.length === 0) return { add: [], removePaths: new Set(whole), validation: { isolation, filter } }
  const limit = (value: string) => duckdbDialect.typedLiteral(value, field?.type as string)
  const name = identifier(column)
  const leaving = `${placesOf(await target.select())} WHERE ${name} >= ${limit(from)} AND ${name} < ${limit(to)}`
  const changes = await new RowChangeWriter(connection, store, writer, metadata).write(target, { leaving }, 'delete')
  const { add, removePaths, referencedPaths } = changes
  return {
    add,
    removePaths: new Set([...whole, ...removePaths]),
    validation: { isolation, filter, referencedPaths },
  }
}
