import type { IcebergType, NestedField } from '@phlo/ports'
import { isList, isMap, isStruct } from '../types/primitive.js'

export interface Move {
  readonly id: number
  readonly where: 'first' | 'before' | 'after'
  readonly reference?: number
}

/** Changes of a schema by field id, or by the id of the field whose type they are in. */
export interface Rebuilding {
  readonly drops: ReadonlySet<number>
  /** Fields as they are to be, but for what changes within their types. */
  readonly updates: ReadonlyMap<number, NestedField>
  readonly adds: ReadonlyMap<number, readonly NestedField[]>
  readonly moves: ReadonlyMap<number, readonly Move[]>
}

/** The fields of a struct after the changes. */
export function rebuildFields(
  fields: readonly NestedField[],
  parentId: number,
  changes: Rebuilding,
): readonly NestedField[] {
  const added = changes.adds.get(parentId) ?? []
  const rebuilt = [...fields.filter((field) => !changes.drops.has(field.id)), ...added].map((field): NestedField => {
    const updated = changes.updates.get(field.id) ?? field
    return { ...updated, type: rebuildType(updated.type, field.id, changes) }
  })
  for (const move of changes.moves.get(parentId) ?? []) moveField(rebuilt, move)
  return rebuilt
}

function moveField(fields: NestedField[], { id, where, reference }: Move): void {
  const [field] = fields.splice(
    fields.findIndex((candidate) => candidate.id === id),
    1,
  ) as [NestedField]
  const at = fields.findIndex((candidate) => candidate.id === reference)
  fields.splice(where === 'first' ? 0 : where === 'before' ? at : at + 1, 0, field)
}

function rebuildType(type: IcebergType, id: number, changes: Rebuilding): IcebergType {
  if (isStruct(type)) return { ...type, fields: rebuildFields(type.fields, id, changes) }
  if (isList(type)) {
    const element = changes.updates.get(type['element-id'])
    return {
      ...type,
      element: rebuildType(element?.type ?? type.element, type['element-id'], changes),
      'element-required': element?.required ?? type['element-required'],
    }
  }
  if (isMap(type)) {
    const value = changes.updates.get(type['value-id'])
    return {
      ...type,
      value: rebuildType(value?.type ?? type.value, type['value-id'], changes),
      'value-required': value?.required ?? type['value-required'],
    }
  }
  return type
}
