import { currentSchema, fileContent, indexById, isStruct, type ScanTask } from '@phlo/iceberg'
import {
  type DescribedFile,
  type IcebergSchema,
  type NestedField,
  type ObjectStore,
  PhloError,
  type SharedKeyRequest,
} from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { rowsSelect } from '../reading/rows-select.js'

/** A key that rows of both groups of files have, as QueryEngine.sharedKey tells it. What does not fit into memory goes to disk. */
export async function sharedKey(
  connection: Connection,
  store: ObjectStore,
  { metadata, keyIds, ours, theirs }: SharedKeyRequest,
): Promise<readonly string[] | undefined> {
  const table = currentSchema(metadata)
  const { fields } = table
  const keys = keyIds.map((id) => keyColumn(table, id))
  const schema = { ...table, fields: fields.filter((field) => keys.some(({ column }) => column === field)) }
  const values = keys.map(({ path }, index) => `${['r', ...path].map(identifier).join('.')} AS k${index}`)
  const read = async (files: readonly DescribedFile[]) =>
    `SELECT ${values.join(', ')} FROM (${await rowsSelect(connection, store, metadata, files.map(scanTask), schema)}) AS r`
  const texts = keys.map((_, index) => `coalesce(CAST(a.k${index} AS VARCHAR), 'NULL') AS k${index}`)
  const same = keys.map((_, index) => `a.k${index} IS NOT DISTINCT FROM b.k${index}`)
  const [row] = await connection.run(
    `SELECT ${texts.join(', ')} FROM (${await read(ours)}) AS a SEMI JOIN (${await read(theirs)}) AS b ` +
      `ON ${same.join(' AND ')} LIMIT 1`,
  )
  return row && keys.map((_, index) => row[`k${index}`] as string)
}

/** The field of a key, by its path and the column that it is in. */
function keyColumn(
  schema: IcebergSchema,
  id: number,
): { readonly column: NestedField; readonly path: readonly string[] } {
  const path = indexById(schema).get(id)?.path ?? []
  const column = schema.fields.find(({ name }) => name === path[0])
  let field = column
  for (const name of path.slice(1))
    field = field && isStruct(field.type) ? field.type.fields.find((child) => child.name === name) : undefined
  if (column && field?.id === id && typeof field.type === 'string') return { column, path }
  throw new PhloError('PHLO_UNSUPPORTED', `Rows have no one value of field ${id} that could be compared`)
}

function scanTask(file: DescribedFile): ScanTask {
  return { file: { ...file, content: fileContent.data }, sequenceNumber: 0, deletes: [], residual: { op: 'true' } }
}
