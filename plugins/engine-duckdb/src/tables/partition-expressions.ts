import { type BoundPartitionField, type Primitive, toValue, type Value } from '@phlo/iceberg'
import { PhloError } from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'

/** The name of the UDF that computes Iceberg's bucket, see `bucket-function.ts`. */
export const bucketFunction = 'phlo_bucket'

/** SQL that computes a partition field's value from its source column. */
export function partitionExpression(bound: BoundPartitionField, sourceColumn: string): string {
  const column = identifier(sourceColumn)
  const { transform, sourceType } = bound
  switch (transform.kind) {
    case 'identity':
      return column
    case 'void':
      return 'NULL'
    case 'year':
    case 'month':
      return sinceEpoch(transform.kind, column, sourceType)
    case 'day':
      // As a date, so that it comes back as one.
      return `CAST(${utc(column, sourceType)} AS DATE)`
    case 'hour':
      return sinceEpoch('hour', column, sourceType)
    case 'bucket':
      return `${bucketFunction}(${transform.width}, '${JSON.stringify(sourceType).replaceAll("'", "''")}', ${valueText(column, sourceType)})`
    case 'truncate':
      return truncated(column, sourceType, transform.width)
    case 'unknown':
      throw new PhloError('PHLO_UNSUPPORTED', `Writing with the partition transform ${transform.text} is not supported`)
  }
}

/** `datediff` counts boundaries that lie between, which rounds towards the past before 1970, too. */
function sinceEpoch(unit: string, column: string, type: Primitive): string {
  return `CAST(datediff('${unit}', TIMESTAMP '1970-01-01', CAST(${utc(column, type)} AS TIMESTAMP)) AS INTEGER)`
}

function utc(column: string, type: Primitive): string {
  if (type.kind === 'timestamptz') return `(${column} AT TIME ZONE 'UTC')`
  if (type.kind !== 'timestamp_ns' && type.kind !== 'timestamptz_ns') return column
  // A cast of nanoseconds rounds towards 1970, which before 1970 is into the next hour or day.
  const nanos = `epoch_ns(${column})`
  return `make_timestamp((${nanos} - ((${nanos} % 1000) + 1000) % 1000) // 1000)`
}

/** SQL of a column's value as text that `toValue` reads. */
export function valueText(column: string, type: Primitive): string {
  if (type.kind === 'binary' || type.kind === 'fixed') return `hex(${column})`
  return `CAST(${type.kind === 'timestamptz' ? utc(column, type) : column} AS VARCHAR)`
}

function truncated(column: string, type: Primitive, width: number): string {
  switch (type.kind) {
    case 'string':
      return `left(${column}, ${width})`
    case 'int':
    case 'long':
      return `${column} - (((${column} % ${width}) + ${width}) % ${width})`
    case 'decimal': {
      // The width counts in units of the last digit.
      const step = `CAST(${width} * power(10, ${-type.scale}) AS DECIMAL(${type.precision}, ${type.scale}))`
      return `CAST(${column} - (((${column} % ${step}) + ${step}) % ${step}) AS DECIMAL(${type.precision}, ${type.scale}))`
    }
    default:
      throw new PhloError(
        'PHLO_UNSUPPORTED',
        `Partitioning by truncate of a ${type.kind} column is not supported by DuckDB’s engine`,
      )
  }
}

/** A partition value as RETURN_STATS gives it, text or null. */
export function partitionValue(bound: BoundPartitionField, text: string | null): Value | null {
  if (text === null) return null
  if (bound.type.kind === 'boolean') return text === 'true' || text === '1'
  const value = toValue(bound.type, text)
  if (value === undefined)
    throw new PhloError('PHLO_INTERNAL', `${JSON.stringify(text)} is no value of partition field ${bound.field.name}`)
  return value
}
