import type { IcebergType, NestedField } from '@phlo/ports'
import { isList, isMap, isStruct } from '../types/primitive.js'

/** A field with its place in the schema. */
export interface Found {
  readonly field: NestedField
  /** Its full dotted name. */
  readonly name: string
  /** The field whose type it is a part of; that of the schema's own columns is below every id. */
  readonly parentId: number
  /** A struct's field, or what a list or map is made of. */
  readonly kind: 'field' | 'element' | 'key' | 'value'
  readonly withinKey: boolean
}

/** The parent of the schema's own columns. */
export const root = -1

/**
 * A schema's fields by dotted names: `a.element.b` or, in short, `a.b` for a field of a list's elements or a map's
 * values. Of two with the same name the first is found.
 */
export class NameIndex {
  private readonly full = new Map<string, Found>()
  private readonly short = new Map<string, Found>()
  private readonly byId = new Map<number, Found>()
  private readonly caseSensitive: boolean

  constructor(schema: { readonly fields: readonly NestedField[] }, caseSensitive: boolean) {
    this.caseSensitive = caseSensitive
    this.struct(schema.fields, { id: root, name: [], short: [], withinKey: false })
  }

  /** The name as it is compared. */
  fold(name: string): string {
    return this.caseSensitive ? name : name.toLowerCase()
  }

  find(name: string): Found | undefined {
    return this.full.get(this.fold(name)) ?? this.short.get(this.fold(name))
  }

  has(id: number): boolean {
    return this.byId.has(id)
  }

  nameOf(id: number): string {
    return this.byId.get(id)?.name ?? String(id)
  }

  /** The ids of the fields that a field is in, innermost first. */
  parentsOf(id: number, parentId = this.byId.get(id)?.parentId ?? root): number[] {
    const parents: number[] = []
    for (let parent = parentId; parent !== root; parent = this.byId.get(parent)?.parentId ?? root) parents.push(parent)
    return parents
  }

  private struct(fields: readonly NestedField[], parent: Parent): void {
    for (const field of fields) this.add(field, 'field', parent)
  }

  private add(field: NestedField, kind: Found['kind'], parent: Parent): void {
    const path = [...parent.name, field.name]
    // A struct's fields are found without naming the list or map around it; those of keys are not.
    const short = kind === 'element' || kind === 'value' ? parent.short : [...parent.short, field.name]
    const withinKey = parent.withinKey || kind === 'key'
    const found: Found = { field, name: path.join('.'), parentId: parent.id, kind, withinKey }
    if (!this.full.has(this.fold(found.name))) this.full.set(this.fold(found.name), found)
    const shortName = this.fold(short.join('.'))
    if (kind === 'field' && !this.short.has(shortName)) this.short.set(shortName, found)
    this.byId.set(field.id, found)
    this.type(field.type, { id: field.id, name: path, short, withinKey })
  }

  private type(type: IcebergType, parent: Parent): void {
    if (isStruct(type)) this.struct(type.fields, parent)
    const part = (name: 'element' | 'key' | 'value', id: number, required: boolean, of: IcebergType) =>
      this.add({ id, name, required, type: of }, name, parent)
    if (isList(type)) part('element', type['element-id'], type['element-required'], type.element)
    if (isMap(type)) {
      part('key', type['key-id'], true, type.key)
      part('value', type['value-id'], type['value-required'], type.value)
    }
  }
}

interface Parent {
  readonly id: number
  readonly name: readonly string[]
  readonly short: readonly string[]
  readonly withinKey: boolean
}
