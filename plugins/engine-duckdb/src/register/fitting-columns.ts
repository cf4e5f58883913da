import { bindSpec, formatType, isList, isMap, isStruct, specById } from '@phlo/iceberg'
import type { IcebergSchema, IcebergType, NestedField, TableMetadata } from '@phlo/ports'
import { duckdbType } from '../duckdb-types.js'
import type { FileLayout, StoredField } from '../reading/stored-fields.js'

/** Why the columns of a file cannot be those of the table, `undefined` when they can. */
export function misfit(layout: FileLayout, schema: IcebergSchema, metadata: TableMetadata): string | undefined {
  const spec = bindSpec(specById(metadata['partition-specs'], metadata['default-spec-id']), schema)
  const fromPartition = new Set(
    spec.flatMap(({ transform, field }) => (transform.kind === 'identity' ? [field['source-id']] : [])),
  )
  if (!layout.fields.some(({ id }) => id !== undefined && schema.fields.some((field) => field.id === id)))
    return 'it has none of the table’s columns'
  return misfitOf(schema.fields, layout.fields, (field) => fromPartition.has(field.id))
}

function misfitOf(
  fields: readonly NestedField[],
  stored: readonly StoredField[],
  mayLack: (field: NestedField) => boolean = () => false,
): string | undefined {
  for (const field of fields) {
    const own = stored.find(({ id }) => id === field.id)
    if (!own) {
      if (field.required && !mayLack(field)) return `it lacks the column ${field.name}, which must have values`
      continue
    }
    const problem = misfitOfType(own, field.type)
    if (problem !== undefined) return `its column ${field.name} ${problem}`
  }
  return undefined
}

function misfitOfType(stored: StoredField, type: IcebergType): string | undefined {
  const other = `is no ${formatType(type)}`
  const [first, second] = stored.children
  if (isStruct(type)) return stored.kind === 'struct' ? misfitOf(type.fields, stored.children) : other
  if (isList(type)) return stored.kind === 'list' && first ? misfitOfType(first, type.element) : other
  if (isMap(type)) {
    if (stored.kind !== 'map' || !first || !second) return other
    return misfitOfType(first, type.key) ?? misfitOfType(second, type.value)
  }
  if (stored.kind !== 'value' || stored.type === undefined) return other
  const [from, to] = [stored.type, duckdbType(type)].map(plain) as [string, string]
  return from === to || widens(from, to) ? undefined : `is ${stored.type}, not ${formatType(type)}`
}

/** DuckDB has several names for a type. */
function plain(type: string): string {
  const name = type.toUpperCase().replaceAll(' ', '')
  return name === 'TIMESTAMPWITHTIMEZONE' ? 'TIMESTAMPTZ' : name
}

const integers = ['UTINYINT', 'TINYINT', 'USMALLINT', 'SMALLINT', 'INTEGER', 'UINTEGER', 'BIGINT']

/** Readers cast such values without loss. Spec: "Schema Evolution", type promotion. */
function widens(from: string, to: string): boolean {
  if (to === 'INTEGER' || to === 'BIGINT') {
    const limit = to === 'INTEGER' ? 'UINTEGER' : to
    return integers.includes(from) && integers.indexOf(from) < integers.indexOf(limit)
  }
  if (to === 'DOUBLE') return from === 'FLOAT'
  const [a, b] = [from, to].map((type) => /^DECIMAL\((\d+),(\d+)\)$/.exec(type))
  return a != null && b != null && a[2] === b[2] && Number(a[1]) <= Number(b[1])
}
