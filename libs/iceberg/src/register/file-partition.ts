import { formatPrimitive } from '../types/primitive.js'
import type { BoundPartitionField } from '../partition/partition-spec.js'
import { applyTransform } from '../partition/transform.js'
import { compareValues, toValue, type Value } from '../types/value.js'

/** What is known of a column of a file. */
export interface ColumnRange {
  readonly lower: Value
  readonly upper: Value
  readonly hasNulls: boolean
}

/** How Hive writes a partition without a value. */
const hiveNull = '__HIVE_DEFAULT_PARTITION__'

/** Transforms that keep the order of values, so that equal ends mean one value throughout. */
const ordered = new Set(['identity', 'truncate', 'year', 'month', 'day', 'hour'])

/**
 * The partition that all rows of a file are of: from folders named `field=value` on its path, as Hive has them, or else
 * from the file's statistics. `undefined` when neither tells, together with the field that is in doubt.
 * Spec: "Partition Transforms".
 */
export function filePartition(
  path: string,
  spec: readonly BoundPartitionField[],
  rangeOf: (fieldId: number) => ColumnRange | undefined,
): { readonly partition: readonly (Value | null)[] } | { readonly doubt: string } {
  const folders = hiveFolders(path)
  const partition: (Value | null)[] = []
  for (const bound of spec) {
    const value = fromFolder(bound, folders) ?? fromRange(bound, rangeOf)
    if (value === undefined) return { doubt: bound.field.name }
    partition.push(value.value)
  }
  return { partition }
}

/** The last folder of a name counts. */
function hiveFolders(path: string): Map<string, string> {
  const folders = new Map<string, string>()
  for (const segment of path.split('/').slice(0, -1)) {
    const equals = segment.indexOf('=')
    if (equals > 0) folders.set(decoded(segment.slice(0, equals)), decoded(segment.slice(equals + 1)))
  }
  return folders
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function fromFolder(bound: BoundPartitionField, folders: Map<string, string>): { value: Value | null } | undefined {
  if (bound.transform.kind === 'void') return { value: null }
  const text = folders.get(bound.field.name)
  if (text === undefined) return undefined
  if (text === hiveNull || (text === 'null' && formatPrimitive(bound.type) !== 'string')) return { value: null }
  const value = toValue(bound.type, text)
  return value === undefined ? undefined : { value }
}

function fromRange(
  { transform, sourceType, field }: BoundPartitionField,
  rangeOf: (fieldId: number) => ColumnRange | undefined,
): { value: Value | null } | undefined {
  const source = field['source-id']
  const range = source === undefined ? undefined : rangeOf(source)
  if (!range || range.hasNulls || !ordered.has(transform.kind)) return undefined
  const [lower, upper] = [range.lower, range.upper].map((value) => applyTransform(transform, sourceType, value))
  if (lower === undefined || upper === undefined || lower === null || upper === null) return undefined
  return compareValues(lower, upper) === 0 ? { value: lower } : undefined
}
