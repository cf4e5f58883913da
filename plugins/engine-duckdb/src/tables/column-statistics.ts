import {
  type DataFile,
  isList,
  isMap,
  isStruct,
  lowerBound,
  parsePrimitive,
  pointBound,
  type Primitive,
  toValue,
  upperBound,
} from '@phlo/iceberg'
import type { IcebergSchema, NestedField } from '@phlo/ports'
import { defaultMode, type MetricsMode } from './metrics-mode.js'

/** One column's statistics as COPY's RETURN_STATS gives them: all values are text. */
export interface ReturnedStatistics {
  readonly column_size_bytes?: string
  readonly min?: string
  readonly max?: string
  readonly null_count?: string
  readonly num_values?: string
  readonly has_nan?: string
  readonly bbox_xmin?: string
  readonly bbox_xmax?: string
  readonly bbox_ymin?: string
  readonly bbox_ymax?: string
  readonly bbox_zmin?: string
  readonly bbox_zmax?: string
  readonly bbox_mmin?: string
  readonly bbox_mmax?: string
}

interface Leaf {
  readonly id: number
  readonly type: Primitive
  /** Bounds are only for columns that occur once a row. */
  readonly repeated: boolean
}

/** The leaf columns of a schema by the path that RETURN_STATS uses: quoted names joined with dots. */
function leaves(schema: IcebergSchema): Map<string, Leaf> {
  const found = new Map<string, Leaf>()
  const visit = (field: Pick<NestedField, 'id' | 'name' | 'type'>, parents: string, repeated: boolean): void => {
    const path = `${parents}"${field.name.replaceAll('"', '""')}"`
    const { type } = field
    if (isStruct(type)) for (const child of type.fields) visit(child, `${path}.`, repeated)
    else if (isList(type)) visit({ id: type['element-id'], name: 'element', type: type.element }, `${path}.`, true)
    else if (isMap(type)) {
      visit({ id: type['key-id'], name: 'key', type: type.key }, `${path}.`, true)
      visit({ id: type['value-id'], name: 'value', type: type.value }, `${path}.`, true)
    } else found.set(path, { id: field.id, type: parsePrimitive(type), repeated })
  }
  for (const field of schema.fields) visit(field, '', false)
  return found
}

/** A manifest's column metrics from what the write itself returned. Spec: "Data File Fields". */
export function columnMetrics(
  returned: ReadonlyMap<string, ReturnedStatistics>,
  schema: IcebergSchema,
  modeOf: (id: number) => MetricsMode = () => defaultMode,
): Pick<DataFile, 'columnSizes' | 'valueCounts' | 'nullCounts' | 'nanCounts' | 'lowerBounds' | 'upperBounds'> {
  const columnSizes = new Map<number, number>()
  const valueCounts = new Map<number, number>()
  const nullCounts = new Map<number, number>()
  const nanCounts = new Map<number, number>()
  const lowerBounds = new Map<number, Uint8Array>()
  const upperBounds = new Map<number, Uint8Array>()
  for (const [path, { id, type, repeated }] of leaves(schema)) {
    const statistics = returned.get(path)
    const mode = modeOf(id)
    if (!statistics || mode.kind === 'none') continue
    const count = (map: Map<number, number>, text: string | undefined) => {
      if (text !== undefined) map.set(id, Number(text))
    }
    count(columnSizes, statistics.column_size_bytes)
    count(valueCounts, statistics.num_values)
    count(nullCounts, statistics.null_count)
    // DuckDB tells whether there is a NaN, not how many: `addNanStatistics` counts them.
    if (statistics.has_nan === 'false') nanCounts.set(id, 0)
    if (repeated || mode.kind !== 'bounds') continue
    if (type.kind === 'geometry') {
      const { bbox_xmin: x, bbox_ymin: y, bbox_zmin: z, bbox_mmin: m } = statistics
      const { bbox_xmax: toX, bbox_ymax: toY, bbox_zmax: toZ, bbox_mmax: toM } = statistics
      const [from, to] = [cornerBound(x, y, z, m), cornerBound(toX, toY, toZ, toM)]
      if (!from || !to) continue
      lowerBounds.set(id, from)
      upperBounds.set(id, to)
      continue
    }
    const lower = boundValue(type, statistics.min)
    const upper = boundValue(type, statistics.max)
    if (lower !== undefined) lowerBounds.set(id, lowerBound(type, lower, mode.length))
    const up = upper === undefined ? undefined : upperBound(type, upper, mode.length)
    if (up !== undefined) upperBounds.set(id, up)
  }
  return { columnSizes, valueCounts, nullCounts, nanCounts, lowerBounds, upperBounds }
}

/** A corner of the box of all shapes; none when they are all empty. */
function cornerBound(x?: string, y?: string, z?: string, m?: string): Uint8Array | undefined {
  const coordinate = (text: string | undefined) => (text === undefined ? undefined : Number(text))
  const [east, north, up, measure] = [coordinate(x), coordinate(y), coordinate(z), coordinate(m)]
  return east === undefined || north === undefined ? undefined : pointBound({ x: east, y: north, z: up, m: measure })
}

function boundValue(type: Primitive, text: string | undefined) {
  if (text === undefined) return undefined
  if (type.kind === 'boolean') return text === '1' || text === 'true'
  return toValue(type, text)
}
