import {
  bindSpec,
  currentSchema,
  type DataFile,
  fileContent,
  filePartition,
  nameMappingProperty,
  newNameMapping,
  planScan,
  serializeNameMapping,
  specById,
  TableTransaction,
} from '@phlo/iceberg'
import {
  type AddFilesRequest,
  type AddFilesResult,
  type Catalog,
  formatIdentifier,
  type ObjectStore,
  PhloError,
  type TableMetadata,
} from '@phlo/ports'
import type { Connection, DuckDbHost } from '../duckdb-host.js'
import { fileLayouts } from '../reading/file-layout.js'
import { commitTables } from '../tables/commit-table.js'
import { misfit } from './fitting-columns.js'
import { footerStatistics } from './footer-statistics.js'

/**
 * Makes Parquet files that exist part of a table, where they are: their columns are found by field id or by name, their
 * statistics come from their footers, their partitions from their paths or statistics.
 *
 * Throws PHLO_TABLE_NOT_FOUND, PHLO_OBJECT_NOT_FOUND, and PHLO_FILE_UNFIT for a file that does not fit, or that the table
 * has already.
 */
export async function addFiles(
  place: { readonly host: DuckDbHost; readonly store: ObjectStore; readonly catalog: Catalog },
  request: AddFilesRequest,
): Promise<AddFilesResult> {
  const { store, catalog } = place
  const { table: identifier, ref, message, author } = request
  const existing = await catalog.loadTable(identifier, { ref })
  if (!existing) {
    throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${formatIdentifier(identifier)} at ${ref}`)
  }
  const mapping = missingMapping(existing.metadata)
  const files = await place.host.connect(
    (connection) => describeFiles(connection, store, existing.metadata, mapping, request.files),
    request.signal,
  )
  const result = {
    files: files.map(({ path, recordCount, fileSize }) => ({ path, rows: recordCount, bytes: fileSize })),
    rows: files.reduce((sum, { recordCount }) => sum + recordCount, 0),
    bytes: files.reduce((sum, { fileSize }) => sum + fileSize, 0),
    nameMapping: mapping !== undefined,
  }
  if (request.dryRun === true || files.length === 0) return result
  const transaction = TableTransaction.change(store, existing.metadata)
  if (mapping !== undefined) transaction.setProperties({ [nameMappingProperty]: mapping })
  const snapshotId = await transaction.addSnapshot({ add: files })
  await commitTables(catalog, [{ identifier, existing, transaction }], {
    ref,
    message,
    ...(author !== undefined && { author }),
  })
  return { ...result, snapshotId }
}

/** The name mapping where the table has none yet: it tells readers that not all files are of one layout. */
function missingMapping(metadata: TableMetadata): string | undefined {
  if (metadata.properties?.[nameMappingProperty] !== undefined) return undefined
  return serializeNameMapping(newNameMapping(currentSchema(metadata)))
}

async function describeFiles(
  connection: Connection,
  store: ObjectStore,
  metadata: TableMetadata,
  mapping: string | undefined,
  paths: readonly string[],
): Promise<DataFile[]> {
  const wanted = new Map<string, string>()
  for (const path of paths) {
    const key = store.key(path)
    if (key === undefined) throw unfit(path, 'it is outside the store')
    if (wanted.has(key)) throw unfit(path, 'it is named twice')
    wanted.set(key, path)
  }
  for await (const { file } of planScan(store, metadata)) {
    if (wanted.has(store.key(file.path) ?? '')) throw unfit(file.path, 'the table has it already')
  }
  const keys = [...wanted.keys()]
  const locals = await Promise.all(keys.map((key) => store.localFile(key)))
  const schema = currentSchema(metadata)
  const named =
    mapping === undefined
      ? metadata
      : { ...metadata, properties: { ...metadata.properties, [nameMappingProperty]: mapping } }
  const layouts = locals.length === 0 ? [] : await fileLayouts(connection, store, named, locals, true)
  const spec = bindSpec(specById(metadata['partition-specs'], metadata['default-spec-id']), schema)
  const files: DataFile[] = []
  for (const [index, key] of keys.entries()) {
    const path = store.uri(key)
    const [local, layout] = [locals[index], layouts[index]]
    if (local === undefined || !layout) continue
    const problem = misfit(layout, schema, metadata)
    if (problem !== undefined) throw unfit(path, problem)
    const { file, ranges } = await footerStatistics(connection, local, layout, schema)
    const found = filePartition(key, spec, (id) => ranges.get(id))
    if ('doubt' in found) {
      throw unfit(path, `neither its path nor its statistics tell its value of the partition field ${found.doubt}`)
    }
    const info = await store.head(key)
    files.push({
      content: fileContent.data,
      specId: metadata['default-spec-id'],
      path,
      format: 'PARQUET',
      partition: found.partition,
      fileSize: info?.size ?? 0,
      ...file,
    })
  }
  return files.filter(({ recordCount }) => recordCount > 0)
}

function unfit(path: string, problem: string): PhloError {
  return new PhloError('PHLO_FILE_UNFIT', `The file ${path} cannot become part of the table: ${problem}`, {
    context: { file: path },
  })
}
