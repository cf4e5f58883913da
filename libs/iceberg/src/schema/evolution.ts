import type { ColumnSchema, IcebergSchema, IcebergType, NestedField, RowSchema } from '@phlo/ports'
import { FieldIds, withIds } from './field-ids.js'
import { promote } from './promotion.js'
import { highestFieldId } from './schema.js'
import { changes, type SchemaChange, type SchemaEvolution } from './schema-change.js'
import { isList, isMap, isStruct, sameType } from '../types/primitive.js'

/**
 * Compares a table's schema with the columns that are wanted, by name and at every level, and makes the safe changes.
 * Ids of kept columns stay; new columns get ids above `lastColumnId`, so that a name that once was dropped never brings
 * old values back. Spec: "Schema Evolution".
 */
export function evolveSchema(
  current: IcebergSchema,
  lastColumnId: number,
  wanted: RowSchema,
  formatVersion = 2,
): SchemaEvolution {
  const evolution = new Evolution(Math.max(lastColumnId, highestFieldId(current)), formatVersion)
  const fields = evolution.fields(current.fields, wanted.columns, [])
  const safe = evolution.changes.some((change) => change.class === 'safe')
  return {
    schema: safe ? { ...current, fields } : current,
    lastColumnId: evolution.ids.last,
    changes: evolution.changes,
  }
}

type WantedField = Pick<ColumnSchema & NestedField, 'name' | 'type' | 'required' | 'doc'> &
  Pick<ColumnSchema, 'formerNames'>

class Evolution {
  readonly ids: FieldIds
  readonly changes: SchemaChange[] = []
  private readonly formatVersion: number

  constructor(lastColumnId: number, formatVersion: number) {
    this.ids = new FieldIds(lastColumnId)
    this.formatVersion = formatVersion
  }

  fields(
    current: readonly NestedField[],
    wanted: readonly WantedField[],
    parents: readonly string[],
  ): readonly NestedField[] {
    const wantedByName = new Map(wanted.map((field) => [field.name, field]))
    const renamed = renames(current, wanted)
    const known = new Set(current.map((field) => renamed.get(field.name)?.name ?? field.name))
    const kept = current.map((field): NestedField => {
      const path = [...parents, field.name]
      const target = wantedByName.get(field.name)
      if (target) return this.field(field, target, path)
      const successor = renamed.get(field.name)
      if (successor) {
        this.changes.push(changes.rename(path, successor.name))
        return { ...this.field(field, successor, path), name: successor.name }
      }
      this.changes.push(changes.drop(path, field.type))
      return field
    })
    const added = wanted.filter((field) => !known.has(field.name)).flatMap((field) => this.add(field, parents))
    return orderLike([...kept, ...added], [...wantedByName.keys()])
  }

  private add(field: WantedField, parents: readonly string[]): NestedField[] {
    this.changes.push(changes.add([...parents, field.name], field))
    if (field.required) return []
    return [
      {
        id: this.ids.next(),
        name: field.name,
        required: false,
        type: withIds(field.type, this.ids),
        ...(field.doc !== undefined && { doc: field.doc }),
      },
    ]
  }

  private field(field: NestedField, wanted: WantedField, path: readonly string[]): NestedField {
    const type = this.type(field.type, wanted.type, path)
    const required = this.required(field.required, wanted.required, path)
    const documented = wanted.doc !== undefined && wanted.doc !== field.doc
    if (documented) this.changes.push(changes.doc(path, wanted.doc))
    return { ...field, type, required, ...(documented && { doc: wanted.doc }) }
  }

  private required(current: boolean, wanted: boolean, path: readonly string[]): boolean {
    if (current === wanted) return current
    this.changes.push(wanted ? changes.required(path) : changes.optional(path))
    return false
  }

  private type(current: IcebergType, wanted: IcebergType, path: readonly string[]): IcebergType {
    if (isStruct(current) && isStruct(wanted))
      return { ...current, fields: this.fields(current.fields, wanted.fields, path) }
    if (isList(current) && isList(wanted)) {
      const inner = [...path, 'element']
      return {
        ...current,
        element: this.type(current.element, wanted.element, inner),
        'element-required': this.required(current['element-required'], wanted['element-required'], inner),
      }
    }
    if (isMap(current) && isMap(wanted) && sameType(current.key, wanted.key)) {
      const inner = [...path, 'value']
      return {
        ...current,
        value: this.type(current.value, wanted.value, inner),
        'value-required': this.required(current['value-required'], wanted['value-required'], inner),
      }
    }
    if (sameType(current, wanted)) return current
    const widened = promote(current, wanted, this.formatVersion, this.ids)
    this.changes.push(changes.type(path, current, wanted, widened !== undefined))
    return widened ?? current
  }
}

/**
 * The schema of a table whose rows are all about to be replaced: exactly the wanted columns. A column that keeps its
 * name and type, or widens, keeps its id; any other gets a new one. The given schema itself when nothing differs.
 */
export function replaceSchema(
  current: IcebergSchema,
  lastColumnId: number,
  wanted: RowSchema,
  formatVersion = 2,
): IcebergSchema {
  const ids = new FieldIds(Math.max(lastColumnId, highestFieldId(current)))
  const renamed = new Map([...renames(current.fields, wanted.columns)].map(([before, { name }]) => [name, before]))
  const fields = wanted.columns.map((column): NestedField => {
    const former = renamed.get(column.name) ?? column.name
    const old = current.fields.find((field) => field.name === former)
    const rest = { name: column.name, required: column.required, ...(column.doc !== undefined && { doc: column.doc }) }
    if (old && sameType(old.type, column.type)) return { ...rest, id: old.id, type: old.type }
    const widened = old && promote(old.type, column.type, formatVersion, ids)
    if (old && widened !== undefined) return { ...rest, id: old.id, type: widened }
    const id = ids.next()
    return { ...rest, id, type: withIds(column.type, ids) }
  })
  const same =
    fields.length === current.fields.length &&
    fields.every((field, index) => {
      const old = current.fields[index] as NestedField
      return (
        field.id === old.id &&
        field.name === old.name &&
        field.required === old.required &&
        field.doc === old.doc &&
        sameType(field.type, old.type)
      )
    })
  return same ? current : { type: 'struct', 'schema-id': current['schema-id'], fields }
}

/** The wanted fields that are there under a former name and not under their own, by that former name. */
function renames(current: readonly NestedField[], wanted: readonly WantedField[]): Map<string, WantedField> {
  const there = new Set(current.map(({ name }) => name))
  const taken = new Set(wanted.map(({ name }) => name))
  const found = new Map<string, WantedField>()
  for (const field of wanted) {
    if (there.has(field.name)) continue
    const former = field.formerNames?.find((name) => there.has(name) && !taken.has(name) && !found.has(name))
    if (former !== undefined) found.set(former, field)
  }
  return found
}

function orderLike(fields: readonly NestedField[], order: readonly string[]): NestedField[] {
  const ranks = new Map(order.map((name, index) => [name, index]))
  const rank = (field: NestedField) => ranks.get(field.name) ?? order.length
  return [...fields].sort((a, b) => rank(a) - rank(b))
}
