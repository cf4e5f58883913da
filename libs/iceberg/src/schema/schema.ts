import { type IcebergSchema, type IcebergType, type NestedField, PhloError, type RowSchema } from '@phlo/ports'
import { formatType, isList, isMap, isStruct, parsePrimitive, sameType } from '../types/primitive.js'

/** A field with its path of names, as the schema's index holds it. */
export interface IndexedField {
  readonly field: NestedField
  readonly path: readonly string[]
}

/** Every field of the schema by id, nested ones, list elements and map keys and values included. */
export function indexById(schema: { readonly fields: readonly NestedField[] }): Map<number, IndexedField> {
  const index = new Map<number, IndexedField>()
  visitFields(schema.fields, [], (field, path) => index.set(field.id, { field, path }))
  return index
}

/** The top-level or nested field of that dotted name, or `undefined`. */
export function findField(schema: { readonly fields: readonly NestedField[] }, name: string): NestedField | undefined {
  const top = schema.fields.find((field) => field.name === name)
  if (top) return top
  const dot = name.indexOf('.')
  if (dot < 0) return undefined
  const parent = schema.fields.find((field) => field.name === name.slice(0, dot))
  return parent && isStruct(parent.type) ? findField(parent.type, name.slice(dot + 1)) : undefined
}

/** The highest field id in use, 0 for an empty schema. */
export function highestFieldId(schema: { readonly fields: readonly NestedField[] }): number {
  let highest = 0
  visitFields(schema.fields, [], (field) => (highest = Math.max(highest, field.id)))
  return highest
}

/** Ids in the order of the schema, each as often as it is used. */
export function allFieldIds(schema: { readonly fields: readonly NestedField[] }): number[] {
  const ids: number[] = []
  visitFields(schema.fields, [], (field) => ids.push(field.id))
  return ids
}

function visitFields(
  fields: readonly NestedField[],
  parents: readonly string[],
  visit: (field: NestedField, path: readonly string[]) => void,
): void {
  for (const field of fields) {
    const path = [...parents, field.name]
    visit(field, path)
    visitType(field.type, path, visit)
  }
}

function visitType(
  type: IcebergType,
  path: readonly string[],
  visit: (field: NestedField, path: readonly string[]) => void,
): void {
  if (isStruct(type)) visitFields(type.fields, path, visit)
  if (isList(type)) {
    visitFields(
      [{ id: type['element-id'], name: 'element', required: type['element-required'], type: type.element }],
      path,
      visit,
    )
  }
  if (isMap(type)) {
    visitFields(
      [
        { id: type['key-id'], name: 'key', required: true, type: type.key },
        { id: type['value-id'], name: 'value', required: type['value-required'], type: type.value },
      ],
      path,
      visit,
    )
  }
}

/** Gives out field ids above those in use. */
class FieldIds {
  last: number

  constructor(last: number) {
    this.last = last
  }
  next(): number {
    return ++this.last
  }
}

/** A new table's schema: columns numbered from 1, parents before children (level by level, as other writers do). */
export function newSchema(rows: RowSchema): IcebergSchema {
  const ids = new FieldIds(0)
  const columns = rows.columns.map((column) => ({ column, id: ids.next() }))
  return {
    type: 'struct',
    'schema-id': 0,
    fields: columns.map(({ column, id }) => ({
      id,
      name: column.name,
      required: column.required,
      type: withIds(column.type, ids),
      ...(column.doc !== undefined && { doc: column.doc }),
    })),
  }
}

/** The type with fresh ids at every level. */
function withIds(type: IcebergType, ids: FieldIds): IcebergType {
  if (isStruct(type)) {
    const numbered = type.fields.map((field) => ({ ...field, id: ids.next() }))
    return { ...type, fields: numbered.map((field) => ({ ...field, type: withIds(field.type, ids) })) }
  }
  if (isList(type)) {
    const id = ids.next()
    return { ...type, 'element-id': id, element: withIds(type.element, ids) }
  }
  if (isMap(type)) {
    const key = ids.next()
    const value = ids.next()
    return { ...type, 'key-id': key, key: withIds(type.key, ids), 'value-id': value, value: withIds(type.value, ids) }
  }
  return type
}

/** One difference between a table's schema and the one that is wanted. */
export interface SchemaChange {
  readonly column: string
  readonly change: 'add' | 'drop' | 'widen' | 'make-optional' | 'make-required' | 'change-type' | 'doc'
  /** Safe changes keep all stored data readable with the same meaning. */
  readonly class: 'safe' | 'breaking'
  readonly detail: string
}

export interface SchemaEvolution {
  /** The schema after all safe changes; the given one itself when there are none. */
  readonly schema: IcebergSchema
  readonly lastColumnId: number
  readonly changes: readonly SchemaChange[]
}

/**
 * Compares a table's schema with the columns that are wanted, column by column, by name.
 * Ids of kept columns stay; new columns get ids above `lastColumnId`, so that a name that once was dropped never brings
 * old values back. Spec: "Schema Evolution".
 */
export function evolveSchema(current: IcebergSchema, lastColumnId: number, wanted: RowSchema): SchemaEvolution {
  const ids = new FieldIds(Math.max(lastColumnId, highestFieldId(current)))
  const changes: SchemaChange[] = []
  const fields: NestedField[] = []
  const wantedNames = new Set(wanted.columns.map((column) => column.name))
  for (const field of current.fields) {
    const column = wanted.columns.find((candidate) => candidate.name === field.name)
    if (!column) {
      changes.push({ column: field.name, change: 'drop', class: 'breaking', detail: formatType(field.type) })
      fields.push(field)
      continue
    }
    let { type, required, doc } = field
    if (!sameType(field.type, column.type)) {
      const widened = widen(field.type, column.type)
      const detail = `${formatType(field.type)} → ${formatType(column.type)}`
      changes.push({
        column: field.name,
        change: widened ? 'widen' : 'change-type',
        class: widened ? 'safe' : 'breaking',
        detail,
      })
      if (widened) type = widened
    }
    if (field.required && !column.required) {
      changes.push({
        column: field.name,
        change: 'make-optional',
        class: 'safe',
        detail: 'NULL is allowed from now on',
      })
      required = false
    }
    if (!field.required && column.required) {
      changes.push({
        column: field.name,
        change: 'make-required',
        class: 'breaking',
        detail: 'stored rows may hold NULL',
      })
    }
    if (column.doc !== undefined && column.doc !== field.doc) {
      changes.push({ column: field.name, change: 'doc', class: 'safe', detail: column.doc })
      doc = column.doc
    }
    fields.push({ ...field, type, required, ...(doc !== undefined && { doc }) })
  }
  const known = new Set(current.fields.map((field) => field.name))
  for (const column of wanted.columns) {
    if (known.has(column.name)) continue
    changes.push({
      column: column.name,
      change: 'add',
      class: column.required ? 'breaking' : 'safe',
      detail: column.required
        ? `${formatType(column.type)}, but stored rows have no value for it`
        : formatType(column.type),
    })
    if (column.required) continue
    const id = ids.next()
    fields.push({
      id,
      name: column.name,
      required: false,
      type: withIds(column.type, ids),
      ...(column.doc !== undefined && { doc: column.doc }),
    })
  }
  const safe = changes.some((change) => change.class === 'safe')
  return {
    schema: safe ? { ...current, fields: orderLike(fields, wantedNames) } : current,
    lastColumnId: ids.last,
    changes,
  }
}

/**
 * The schema of a table whose rows are all about to be replaced: exactly the wanted columns. A column that keeps its
 * name and type, or widens, keeps its id; any other gets a new one. The given schema itself when nothing differs.
 */
export function replaceSchema(current: IcebergSchema, lastColumnId: number, wanted: RowSchema): IcebergSchema {
  const ids = new FieldIds(Math.max(lastColumnId, highestFieldId(current)))
  const fields = wanted.columns.map((column): NestedField => {
    const old = current.fields.find((field) => field.name === column.name)
    const rest = { name: column.name, required: column.required, ...(column.doc !== undefined && { doc: column.doc }) }
    if (old && sameType(old.type, column.type)) return { ...rest, id: old.id, type: old.type }
    const widened = old && widen(old.type, column.type)
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
        field.required === old.required &&
        field.doc === old.doc &&
        sameType(field.type, old.type)
      )
    })
  return same ? current : { type: 'struct', 'schema-id': current['schema-id'], fields }
}

/** Throws PHLO_SCHEMA_BREAKING when a change is not safe; gives back the evolution otherwise. */
export function requireSafe(evolution: SchemaEvolution, table: string): SchemaEvolution {
  const breaking = evolution.changes.filter((change) => change.class === 'breaking')
  if (breaking.length === 0) return evolution
  const list = breaking.map((change) => `${change.column} (${change.change}: ${change.detail})`).join('; ')
  throw new PhloError(
    'PHLO_SCHEMA_BREAKING',
    `The schema of ${table} changed in a way that stored data cannot follow: ${list}`,
    {
      hint: 'Keep the column as it was, make a new one nullable, or write to a table of another name.',
      context: { table, changes: breaking },
    },
  )
}

function orderLike(fields: readonly NestedField[], wanted: ReadonlySet<string>): NestedField[] {
  const order = [...wanted]
  const rank = (field: NestedField) => {
    const index = order.indexOf(field.name)
    return index < 0 ? order.length : index
  }
  return [...fields].sort((a, b) => rank(a) - rank(b))
}

/** The wider type with the stored one's ids when Iceberg allows the step, otherwise `undefined`. */
function widen(from: IcebergType, to: IcebergType): IcebergType | undefined {
  if (typeof from !== 'string' || typeof to !== 'string') return undefined
  const a = parsePrimitive(from)
  const b = parsePrimitive(to)
  if (a.kind === 'int' && b.kind === 'long') return to
  if (a.kind === 'float' && b.kind === 'double') return to
  if (a.kind === 'decimal' && b.kind === 'decimal' && a.scale === b.scale && b.precision >= a.precision) return to
  return undefined
}
