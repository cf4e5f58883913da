import { indexById, parsePrimitive, type Primitive } from '@phlo/iceberg'
import { type IcebergSchema, PhloError } from '@phlo/ports'
import type { StagedFile } from '../tables/copied-files.js'
import { changeLogicalTypes } from './footer.js'

/** `TIMESTAMP` of Parquet's `LogicalType`: nanoseconds, once as readings of clocks and once as moments. */
const clockNanoseconds = Buffer.of(0x8c, 0x12, 0x1c, 0x3c, 0, 0, 0, 0)
const momentNanoseconds = Buffer.of(0x8c, 0x11, 0x1c, 0x3c, 0, 0, 0, 0)

const defaultCrs = 'OGC:CRS84'

/** In the order of Parquet's own numbers for them. */
const algorithms: readonly Extract<Primitive, { kind: 'geography' }>['algorithm'][] = [
  'spherical',
  'vincenty',
  'thomas',
  'andoyer',
  'karney',
]

/**
 * The logical type of a column in a Parquet file, in Thrift's compact form, where DuckDB writes another one.
 * Spec: Appendix A, "Parquet".
 */
function logicalType(type: Primitive): Buffer | undefined {
  if (type.kind === 'timestamptz_ns') return momentNanoseconds
  if (type.kind === 'geometry') return type.crs === defaultCrs ? undefined : shape(0x22, crsField(type.crs))
  if (type.kind !== 'geography') return undefined
  const crs = type.crs === defaultCrs ? Buffer.alloc(0) : crsField(type.crs)
  const number = algorithms.indexOf(type.algorithm) * 2
  return shape(0x24, Buffer.concat([crs, Buffer.of(crs.length === 0 ? 0x25 : 0x15, number)]))
}

/** A union's struct of that field, whose number is beyond the short form. */
function shape(field: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x0c, field), content, Buffer.of(0, 0)])
}

function crsField(crs: string): Buffer {
  const text = Buffer.from(crs)
  const length: number[] = []
  for (let rest = text.length; ; rest >>= 7) {
    if (rest < 0x80) {
      length.push(rest)
      break
    }
    length.push((rest & 0x7f) | 0x80)
  }
  return Buffer.concat([Buffer.of(0x18, ...length), text])
}

/** Makes the footers of files that COPY wrote say what DuckDB has no types for. Replaces the files of the list. */
export async function declareLogicalTypes(files: StagedFile[], schema: IcebergSchema): Promise<void> {
  const types = new Map(
    [...indexById(schema)].flatMap(([id, { field }]) => {
      const type = typeof field.type === 'string' ? logicalType(parsePrimitive(field.type)) : undefined
      return type ? [[id, type] as const] : []
    }),
  )
  if (types.size === 0) return
  for (const [index, staged] of files.entries()) {
    const fileSize = await changeLogicalTypes(staged.path, ({ fieldId }) =>
      fieldId === undefined ? undefined : types.get(fieldId),
    )
    files[index] = { ...staged, file: { ...staged.file, fileSize } }
  }
}

/**
 * Makes the footer of a local copy call moments readings of clocks, which DuckDB reads to the nanosecond. Throws
 * PHLO_ICEBERG_UNSUPPORTED for a file that says it in another way than all writers do.
 */
export async function declareClockTimes(file: string): Promise<void> {
  let changed = 0
  await changeLogicalTypes(file, ({ logicalType: own }) => {
    if (!own || !momentNanoseconds.equals(own)) return undefined
    changed++
    return clockNanoseconds
  })
  if (changed > 0) return
  throw new PhloError('PHLO_ICEBERG_UNSUPPORTED', `The nanoseconds of ${file} are marked in a way of its writer's own`)
}
