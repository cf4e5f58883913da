import { parsePrimitive } from '@phlo/iceberg'
import { type NestedField, PhloError } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { duckdbType } from '../duckdb-types.js'

/** Every column is cut into 256 parts of about as many rows each. */
const bits = 8
const parts = 1 << bits

/** So many rows tell where to cut. */
const sampleSize = 100_000

/** The place on a curve is a number of 64 bits. */
const mostColumns = 64 / bits

/** The beginning of a text decides its part. */
const textLength = 32

/** A SELECT with the rows' place on a curve, and the column that has it. */
export interface CurveSelect {
  readonly select: string
  readonly place: string
}

const placeColumn = identifier('_phlo_curve')
const axis = (index: number) => identifier(`_phlo_axis_${index}`)

/**
 * Adds to the rows of a SELECT where they lie on a curve through the space of some columns, so that rows which lie near
 * each other on it are alike in all of the columns. Values count by their rank, whatever their distribution.
 *
 * Throws PHLO_UNSUPPORTED for too few or too many columns and for nested ones.
 */
export async function alongCurve(
  connection: Connection,
  select: string,
  columns: readonly NestedField[],
  kind: 'zorder' | 'hilbert',
): Promise<CurveSelect> {
  if (columns.length < 2 || columns.length > mostColumns)
    throw new PhloError('PHLO_UNSUPPORTED', `A curve goes through 2 to ${mostColumns} columns, not ${columns.length}`)
  const keys = columns.map((column) => ({ column, key: keyOf(column) }))
  const cuts = await findCuts(connection, select, keys)
  const axes = keys.map(({ column, key }, index) => ranked(key, column, cuts[index] ?? []))
  const ranks = `SELECT *, ${axes.map((rank, index) => `${rank} AS ${axis(index)}`).join(', ')} FROM (${select})`
  return curve(ranks, columns.length, kind)
}

/** The place on the curve of rows whose axes, from 0 to 255, stand in columns of their own. */
export function curve(ranks: string, count: number, kind: 'zorder' | 'hilbert'): CurveSelect {
  const turned = kind === 'hilbert' ? hilbertAxes(ranks, count) : ranks
  return { select: `SELECT *, ${interleaved(count)} AS ${placeColumn} FROM (${turned})`, place: placeColumn }
}

function keyOf(column: NestedField): string {
  if (typeof column.type !== 'string')
    throw new PhloError('PHLO_UNSUPPORTED', `Rows are not clustered by the nested column ${column.name}`)
  const name = identifier(column.name)
  return parsePrimitive(column.type).kind === 'string' ? `left(${name}, ${textLength})` : name
}

/** Values, as text, that cut each column into parts of about as many rows. */
async function findCuts(
  connection: Connection,
  select: string,
  keys: readonly { readonly key: string }[],
): Promise<string[][]> {
  const fractions = Array.from({ length: parts - 1 }, (_, index) => ((index + 1) / parts).toFixed(6)).join(', ')
  const list = keys.map(
    (_, index) =>
      `list_transform(quantile_disc(${axis(index)}, [${fractions}]), lambda x: CAST(x AS VARCHAR)) AS ${axis(index)}`,
  )
  const sampled = keys.map(({ key }, index) => `${key} AS ${axis(index)}`).join(', ')
  const row = await connection.one(
    `SELECT ${list.join(', ')} FROM (SELECT ${sampled} FROM (${select})) USING SAMPLE reservoir(${sampleSize} ROWS)`,
  )
  return keys.map((_, index) => [...new Set((row[`_phlo_axis_${index}`] as string[] | null) ?? [])])
}

/** A binary search as nested CASEs, which DuckDB runs in its vectors. NULL is lowest. */
function ranked(key: string, column: NestedField, cuts: readonly string[]): string {
  const type = duckdbType(column.type)
  const search = (from: number, to: number): string => {
    if (from === to) return String(cuts.length === 0 ? 0 : Math.floor((from * (parts - 1)) / cuts.length))
    const middle = (from + to) >> 1
    const cut = `CAST(${literal(cuts[middle] as string)} AS ${type})`
    return `CASE WHEN ${key} < ${cut} THEN ${search(from, middle)} ELSE ${search(middle + 1, to)} END`
  }
  return `CAST(CASE WHEN ${key} IS NULL THEN 0 ELSE ${search(0, cuts.length)} END AS INTEGER)`
}

/** One bit of each axis in turn, the highest ones first. */
function interleaved(count: number): string {
  const terms: string[] = []
  for (let bit = 0; bit < bits; bit++) {
    for (let index = 0; index < count; index++) {
      const place = bit * count + (count - 1 - index)
      terms.push(`(CAST((${axis(index)} >> ${bit}) & 1 AS UBIGINT) << ${place})`)
    }
  }
  return terms.join(' | ')
}

/**
 * Turns the axes so that their bits, interleaved, are the place on Hilbert's curve.
 * Source: John Skilling, "Programming the Hilbert curve", AIP Conference Proceedings 707 (2004).
 */
function hilbertAxes(ranks: string, count: number): string {
  let select = ranks
  const replace = (expressions: readonly string[]) =>
    (select = `SELECT * REPLACE (${expressions.join(', ')}) FROM (${select})`)
  const first = axis(0)
  for (let bit = bits - 1; bit > 0; bit--) {
    const quadrant = 1 << bit
    const below = quadrant - 1
    replace([`CASE WHEN ${first} & ${quadrant} <> 0 THEN xor(${first}, ${below}) ELSE ${first} END AS ${first}`])
    for (let index = 1; index < count; index++) {
      const other = axis(index)
      const inverts = `${other} & ${quadrant} <> 0`
      const swap = `(xor(${first}, ${other}) & ${below})`
      replace([
        `CASE WHEN ${inverts} THEN xor(${first}, ${below}) ELSE xor(${first}, ${swap}) END AS ${first}`,
        `CASE WHEN ${inverts} THEN ${other} ELSE xor(${other}, ${swap}) END AS ${other}`,
      ])
    }
  }
  for (let index = 1; index < count; index++) replace([`xor(${axis(index)}, ${axis(index - 1)}) AS ${axis(index)}`])
  const last = axis(count - 1)
  const flips = Array.from({ length: bits - 1 }, (_, index) => 2 << index).map(
    (quadrant) => `CASE WHEN ${last} & ${quadrant} <> 0 THEN ${quadrant - 1} ELSE 0 END`,
  )
  const flip = flips.reduce((left, right) => `xor(${left}, ${right})`)
  return replace(Array.from({ length: count }, (_, index) => `xor(${axis(index)}, ${flip}) AS ${axis(index)}`))
}
