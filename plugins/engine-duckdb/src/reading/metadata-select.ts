import {
  formatValue,
  isList,
  isMap,
  isStruct,
  type MetadataTable,
  type MetadataValue,
  parsePrimitive,
  type Value,
} from '@phlo/iceberg'
import type { IcebergType } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import type { Connection } from '../duckdb-host.js'
import { duckdbType } from '../duckdb-types.js'

let tables = 0

/** The SELECT of a metadata table's rows, which it puts into a temporary table of the connection, typed as it says. */
export async function metadataSelect(connection: Connection, table: MetadataTable): Promise<string> {
  const name = `phlo_metadata_${++tables}`
  await connection.run(`CREATE TEMP TABLE ${identifier(name)} (line VARCHAR)`)
  const appender = await connection.raw.createAppender(name)
  try {
    for await (const row of table.rows()) {
      appender.appendVarchar(JSON.stringify(toJson(row, table.schema)))
      appender.endRow()
    }
  } finally {
    appender.closeSync()
  }
  const columns = table.schema.fields.map((field) => {
    const value = fromText(`struct_extract(r, ${literal(field.name)})`, field.type, 0)
    return `${value} AS ${identifier(field.name)}`
  })
  const structure = literal(JSON.stringify(textStructure(table.schema)))
  return `SELECT ${columns.join(', ')} FROM (SELECT from_json(line, ${structure}) AS r FROM temp.${identifier(name)})`
}

type Json = string | null | readonly Json[] | { readonly [field: string]: Json }

/** The value with everything but nesting as text, so that no number is too large; a map as a list of its entries. */
function toJson(value: MetadataValue, type: IcebergType): Json {
  if (value === null) return null
  if (isStruct(type)) {
    const fields = value as Readonly<Record<string, MetadataValue>>
    return Object.fromEntries(type.fields.map((field) => [field.name, toJson(fields[field.name] ?? null, field.type)]))
  }
  if (isList(type)) return (value as readonly MetadataValue[]).map((item) => toJson(item, type.element))
  if (isMap(type)) {
    return [...(value as ReadonlyMap<Value, Value>)].map(([key, item]) => ({
      key: toJson(key, type.key),
      value: toJson(item, type.value),
    }))
  }
  return formatValue(parsePrimitive(type), value as Value)
}

/** What `from_json` has to expect. */
function textStructure(type: IcebergType): unknown {
  if (isStruct(type)) return Object.fromEntries(type.fields.map((field) => [field.name, textStructure(field.type)]))
  if (isList(type)) return [textStructure(type.element)]
  if (isMap(type)) return [{ key: textStructure(type.key), value: textStructure(type.value) }]
  return 'VARCHAR'
}

function fromText(expression: string, type: IcebergType, depth: number): string {
  const item = `x${depth}`
  if (isStruct(type)) {
    const fields = type.fields.map((field) => {
      const value = fromText(`struct_extract(${expression}, ${literal(field.name)})`, field.type, depth)
      return `${identifier(field.name)} := ${value}`
    })
    // A table without partitions has a struct of nothing, which DuckDB has not.
    if (fields.length === 0) return 'NULL'
    return `CASE WHEN ${expression} IS NOT NULL THEN struct_pack(${fields.join(', ')}) END`
  }
  if (isList(type)) return `list_transform(${expression}, lambda ${item}: ${fromText(item, type.element, depth + 1)})`
  if (isMap(type)) {
    const [key, value] = [
      fromText(`${item}.key`, type.key, depth + 1),
      fromText(`${item}.value`, type.value, depth + 1),
    ]
    const entries = `list_transform(${expression}, lambda ${item}: struct_pack(key := ${key}, value := ${value}))`
    return `CASE WHEN ${expression} IS NOT NULL THEN map_from_entries(${entries}) END`
  }
  const { kind } = parsePrimitive(type)
  if (kind === 'binary' || kind === 'fixed') return `from_hex(${expression})`
  return `CAST(${expression} AS ${duckdbType(type)})`
}
