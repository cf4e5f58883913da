import { type DataFile, isList, isMap, isStruct, lowerBound, parsePrimitive, toValue, upperBound } from '@phlo/iceberg'
import type { IcebergSchema, IcebergType } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection, PlainRow } from '../duckdb-host.js'
import type { StagedFile } from './copied-files.js'
import { defaultMode, type MetricsMode } from './metrics-mode.js'

/** A floating-point column, or one that lies within another, of a written file. */
interface FloatingLeaf {
  readonly id: number
  readonly kind: 'float' | 'double'
  /** SQL of how many of a row's values are NaN. */
  readonly count: string
  /** SQL of the row's value, where it has one at most. */
  readonly value?: string
}

/**
 * Adds how many values are NaN, and the bounds of the others, where COPY only says that there are some: it then gives no
 * bounds. Reads those columns of those files again, by one query. Spec: "Data File Fields", `nan_value_counts`.
 */
export async function addNanStatistics(
  connection: Connection,
  files: StagedFile[],
  schema: IcebergSchema,
  modeOf: (id: number) => MetricsMode = () => defaultMode,
): Promise<void> {
  const floating = [...floatingLeaves(schema)].filter(({ id }) => modeOf(id).kind !== 'none')
  const lacks = ({ file }: StagedFile, { id }: FloatingLeaf) => file.nanCounts?.has(id) !== true
  const wanted = floating.filter((leaf) => files.some((staged) => lacks(staged, leaf)))
  const looked = files.filter((staged) => wanted.some((leaf) => lacks(staged, leaf)))
  if (looked.length === 0) return
  const columns = wanted.flatMap(({ id, count, value }) => [
    `coalesce(sum(${count}), 0)::BIGINT AS n${id}`,
    ...(value === undefined
      ? []
      : ['min', 'max'].map((end) => `(${end}(${value}) FILTER (NOT isnan(${value})))::VARCHAR AS ${end}${id}`)),
  ])
  const paths = looked.map(({ path }) => literal(path))
  const rows = await connection.run(
    `SELECT _phlo_file, ${columns.join(', ')} ` +
      `FROM read_parquet([${paths.join(', ')}], hive_partitioning = false, filename = '_phlo_file') GROUP BY _phlo_file`,
  )
  const found = new Map(rows.map((row) => [row['_phlo_file'], row]))
  files.forEach((staged, index) => {
    const row = found.get(staged.path)
    const leaves = wanted.filter((leaf) => lacks(staged, leaf))
    if (row) files[index] = { ...staged, file: { ...staged.file, ...counted(staged.file, row, leaves, modeOf) } }
  })
}

function counted(
  file: DataFile,
  row: PlainRow,
  leaves: readonly FloatingLeaf[],
  modeOf: (id: number) => MetricsMode,
): Pick<DataFile, 'nanCounts' | 'lowerBounds' | 'upperBounds'> {
  const nanCounts = new Map(file.nanCounts)
  const lowerBounds = new Map(file.lowerBounds)
  const upperBounds = new Map(file.upperBounds)
  for (const { id, kind } of leaves) {
    nanCounts.set(id, Number(row[`n${id}`]))
    const ends = [row[`min${id}`], row[`max${id}`]].map((text) =>
      typeof text === 'string' ? toValue({ kind }, text) : undefined,
    )
    const [lower, upper] = ends
    if (lower === undefined || upper === undefined || modeOf(id).kind !== 'bounds') continue
    lowerBounds.set(id, lowerBound({ kind }, lower))
    const up = upperBound({ kind }, upper)
    if (up) upperBounds.set(id, up)
  }
  return { nanCounts, lowerBounds, upperBounds }
}

function* floatingLeaves(schema: IcebergSchema): Generator<FloatingLeaf> {
  for (const { id, name, type } of schema.fields) yield* within(id, type, identifier(name), 0)
}

/** `sum` makes a row's count of the counts of a list's items. */
function* within(
  id: number,
  type: IcebergType,
  value: string,
  depth: number,
  sum?: (count: string) => string,
): Generator<FloatingLeaf> {
  const item = `x${depth}`
  const inList = (list: string) => (count: string) => {
    const counts = `coalesce(list_sum(list_transform(${list}, lambda ${item}: ${count})), 0)`
    return sum ? sum(counts) : counts
  }
  if (isStruct(type)) {
    for (const field of type.fields)
      yield* within(field.id, field.type, `struct_extract(${value}, ${literal(field.name)})`, depth, sum)
  } else if (isList(type)) yield* within(type['element-id'], type.element, item, depth + 1, inList(value))
  else if (isMap(type)) {
    yield* within(type['key-id'], type.key, item, depth + 1, inList(`map_keys(${value})`))
    yield* within(type['value-id'], type.value, item, depth + 1, inList(`map_values(${value})`))
  } else {
    const { kind } = parsePrimitive(type)
    if (kind !== 'float' && kind !== 'double') return
    const count = `CASE WHEN isnan(${value}) THEN 1 ELSE 0 END`
    yield sum ? { id, kind, count: sum(count) } : { id, kind, count, value }
  }
}
