import { isList, isMap, isStruct } from '@phlo/iceberg'
import type { IcebergType } from '@phlo/ports'
import { identifier } from '../duckdb-dialect.js'

/** That a required field within a nested column has a value. */
export interface RequiredField {
  /** Names from the column's to the field's own: `element`, `key` and `value` within lists and maps. */
  readonly path: string
  /** SQL of what holds for rows that have it; never NULL. What is missing as a whole lacks no field. */
  readonly holds: string
}

/** The required fields within a column of that type, outermost first. `expression` gives the column's value. */
export function requiredFields(expression: string, type: IcebergType, path: string, depth = 0): RequiredField[] {
  if (isStruct(type))
    return type.fields.flatMap((field) => {
      const inner = `${expression}.${identifier(field.name)}`
      const innerPath = `${path}.${field.name}`
      const own = { path: innerPath, holds: `(${expression} IS NULL OR ${inner} IS NOT NULL)` }
      return [...(field.required ? [own] : []), ...requiredFields(inner, field.type, innerPath, depth)]
    })
  if (isList(type)) return ofItems(expression, type.element, type['element-required'], `${path}.element`, depth)
  if (!isMap(type)) return []
  return [
    // DuckDB itself has no map with a key that is NULL.
    ...ofItems(`map_keys(${expression})`, type.key, false, `${path}.key`, depth),
    ...ofItems(`map_values(${expression})`, type.value, type['value-required'], `${path}.value`, depth),
  ]
}

function ofItems(list: string, type: IcebergType, required: boolean, path: string, depth: number): RequiredField[] {
  const own = { path, holds: `coalesce(len(${list}) = list_count(${list}), TRUE)` }
  const item = `_phlo_item_${depth}`
  const within = requiredFields(item, type, path, depth + 1).map((field) => ({
    path: field.path,
    holds: `coalesce(len(list_filter(${list}, lambda ${item}: NOT ${field.holds})) = 0, TRUE)`,
  }))
  return [...(required ? [own] : []), ...within]
}
