import { changedFiles, type FileRows, indexById, type ScanTask, type TableAt } from '@phlo/iceberg'
import {
  type Catalog,
  type ComparedStates,
  formatIdentifier,
  type IcebergSchema,
  type ObjectStore,
  PhloError,
  type RowDiffOptions,
  type TableIdentifier,
  type TableStateSelection,
} from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { rowsSelect } from '../reading/rows-select.js'
import { selectionOf } from '../tables/table-view.js'

interface Lake {
  readonly connection: Connection
  readonly store: ObjectStore
  readonly catalog: Catalog
}

/** SELECTs of the rows in which two states of a table differ, and of how many there are. */
export interface RowDiffSelects {
  /** Dotted names. */
  readonly keys: readonly string[]
  readonly rows: string
  /** The columns `change` and `rows`. */
  readonly counts: string
}

/** Compares the rows of the data files that differ; all others are in both states. Throws as QueryEngine.diffRows does. */
export async function rowDiff(
  lake: Lake,
  table: TableIdentifier,
  { from, to }: ComparedStates,
  options: RowDiffOptions,
): Promise<RowDiffSelects> {
  const { connection, store } = lake
  const [was, is] = [await stateOf(lake, table, from), await stateOf(lake, table, to)]
  if (was.metadata['table-uuid'] !== is.metadata['table-uuid'])
    throw new PhloError('PHLO_UNSUPPORTED', `${formatIdentifier(table)} is another table on each side`, {
      hint: 'It was dropped and made again. Compare the two with queries.',
    })
  const { schema } = is
  const files = await changedFiles(store, was, is)
  const read = ({ metadata }: TableAt, rows: readonly FileRows[]) =>
    rowsSelect(connection, store, metadata, rows.map(scanTask), schema)
  const [left, right] = [await read(was, files.before), await read(is, files.after)]
  const keys = keysOf(schema, options.keys, table)
  const changes =
    `WITH _phlo_was AS MATERIALIZED (${left}), _phlo_is AS MATERIALIZED (${right}), ` +
    '_phlo_gone AS MATERIALIZED (FROM _phlo_was EXCEPT ALL FROM _phlo_is), ' +
    '_phlo_came AS MATERIALIZED (FROM _phlo_is EXCEPT ALL FROM _phlo_was) '
  const select = keys.length > 0 ? byKey(schema, keys) : asWholes(schema)
  return {
    keys: keys.map((path) => path.join('.')),
    rows: `${changes}${select}`,
    counts: `${changes}SELECT change, count(*) AS rows FROM (${select}) GROUP BY change`,
  }
}

async function stateOf(
  { catalog }: Lake,
  table: TableIdentifier,
  { ref, snapshotId, asOf }: TableStateSelection,
): Promise<TableAt & { readonly schema: IcebergSchema }> {
  const loaded = await catalog.loadTable(table, ref === undefined ? {} : { ref })
  if (!loaded)
    throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${formatIdentifier(table)} at ${ref ?? 'main'}`)
  const selection = snapshotId !== undefined ? { snapshotId } : asOf !== undefined ? { asOf } : {}
  return { metadata: loaded.metadata, ...selectionOf(loaded, selection) }
}

function scanTask(rows: FileRows): ScanTask {
  return { ...rows, residual: { op: 'true' } }
}

/** Paths of the columns by which rows are the same. */
function keysOf(schema: IcebergSchema, wanted: readonly string[] | undefined, table: TableIdentifier): string[][] {
  const index = indexById(schema)
  if (!wanted) return (schema['identifier-field-ids'] ?? []).flatMap((id) => [[...(index.get(id)?.path ?? [])]])
  const paths = new Map([...index.values()].map(({ path }) => [path.join('.'), path]))
  return wanted.map((name) => {
    const path = paths.get(name)
    if (path) return [...path]
    throw new PhloError('PHLO_SCHEMA_COLUMN_MISSING', `${formatIdentifier(table)} has no column ${name}`, {
      context: { column: name },
    })
  })
}

/** Rows of equal keys are one row that changed; where several have a key, each has one other at most. */
function byKey(schema: IcebergSchema, keys: readonly (readonly string[])[]): string {
  const key = (source: string, path: readonly string[]) => [source, ...path.map(identifier)].join('.')
  const numbered = (source: string) =>
    `(SELECT *, row_number() OVER (PARTITION BY ${keys.map((path) => key(source, path)).join(', ')}) AS _phlo_number FROM ${source})`
  const same = keys.map((path) => `${key('g', path)} IS NOT DISTINCT FROM ${key('c', path)}`)
  const columns = schema.fields.map(({ name }) => {
    const column = identifier(name)
    return `CASE WHEN g.${column} IS DISTINCT FROM c.${column} THEN ${literal(name)} END`
  })
  const [gone, came] = ['g._phlo_number IS NOT NULL', 'c._phlo_number IS NOT NULL']
  return (
    `SELECT CASE WHEN ${gone} AND ${came} THEN 'changed' WHEN ${gone} THEN 'removed' ELSE 'added' END AS change, ` +
    `CASE WHEN ${gone} AND ${came} THEN [_phlo_name FOR _phlo_name IN [${columns.join(', ')}] IF _phlo_name IS NOT NULL] END AS columns, ` +
    `CASE WHEN ${gone} THEN ${structOf(schema, 'g')} END AS before, CASE WHEN ${came} THEN ${structOf(schema, 'c')} END AS after ` +
    `FROM ${numbered('_phlo_gone')} AS g FULL JOIN ${numbered('_phlo_came')} AS c ` +
    `ON ${[...same, 'g._phlo_number = c._phlo_number'].join(' AND ')}`
  )
}

function asWholes(schema: IcebergSchema): string {
  const columns = 'CAST(NULL AS VARCHAR[]) AS columns'
  return (
    `SELECT 'removed' AS change, ${columns}, ${structOf(schema, 'g')} AS before, NULL AS after FROM _phlo_gone AS g ` +
    `UNION ALL SELECT 'added', ${columns}, NULL, ${structOf(schema, 'c')} FROM _phlo_came AS c`
  )
}

function structOf({ fields }: IcebergSchema, source: string): string {
  return `{${fields.map(({ name }) => `${literal(name)}: ${source}.${identifier(name)}`).join(', ')}}`
}
