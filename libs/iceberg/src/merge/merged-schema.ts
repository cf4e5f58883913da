import type { IcebergSchema, IcebergType, NestedField } from '@phlo/ports'
import { sameJson } from '../metadata/json.js'
import { isList, isMap, isStruct } from '../types/primitive.js'
import { mergeConflict, threeWay } from './table-merge.js'

/** One part of a schema as it was, and as each side has it. */
interface Sides<T> {
  readonly base: T
  readonly target: T
  readonly source: T
}

/**
 * The schema with the changes of both sides, told by field id: names, types, nullability, documentation and defaults each on
 * their own, columns that one side added or dropped. Throws PHLO_MERGE_CONFLICT (`schema`) for what both changed
 * differently, for a column that one side changed and the other dropped, and for one id given to two columns.
 */
export function mergeSchemas(sides: Sides<IcebergSchema>): IcebergSchema {
  const { base, target, source } = sides
  if (sameSchema(source, base) || sameSchema(source, target)) return target
  if (sameSchema(target, base)) return source
  const ids = threeWay(pick(sides, 'identifier-field-ids'), sameIds, () => {
    throw mergeConflict('schema', 'Both sides changed the identifier fields')
  })
  const { 'identifier-field-ids': _, ...rest } = target
  return {
    ...rest,
    fields: mergeFields({ base: base.fields, target: target.fields, source: source.fields }, []),
    ...(ids && { 'identifier-field-ids': ids }),
  }
}

/** The same columns, whatever the schemas' own ids. */
export function sameSchema(a: IcebergSchema, b: IcebergSchema): boolean {
  return sameJson({ ...a, 'schema-id': 0 }, { ...b, 'schema-id': 0 })
}

type Fields = readonly NestedField[]

function mergeFields(sides: Sides<Fields>, path: readonly string[]): Fields {
  const [base, target, source] = [sides.base, sides.target, sides.source].map(
    (fields) => new Map(fields.map((field) => [field.id, field])),
  ) as [Map<number, NestedField>, Map<number, NestedField>, Map<number, NestedField>]
  const merged = new Map<number, NestedField>()
  for (const id of new Set([...target.keys(), ...source.keys()])) {
    const field = mergeField({ base: base.get(id), target: target.get(id), source: source.get(id) }, path)
    if (field) merged.set(id, field)
  }
  const names = new Set<string>()
  for (const { name } of merged.values()) {
    const key = name.toLowerCase()
    if (names.has(key)) throw differing([...path, name], 'is a new column of both sides')
    names.add(key)
  }
  const [was, here, there] = [sides.base, sides.target, sides.source].map((fields) => common(fields, merged, sides))
  // Where both put columns elsewhere, the target's order stays: an order has no meaning that could be lost.
  const order = sameIds(here, was) ? there : here
  const ids = new Set([...(order ?? []), ...target.keys(), ...source.keys()])
  return [...ids].flatMap((id) => merged.get(id) ?? [])
}

/** The ids of the columns that all three have, in this one's order. */
function common(
  fields: Fields,
  merged: ReadonlyMap<number, unknown>,
  { base, target, source }: Sides<Fields>,
): number[] {
  const everywhere = (id: number) =>
    [base, target, source].every((side) => side.some((field) => field.id === id)) && merged.has(id)
  return fields.map(({ id }) => id).filter(everywhere)
}

function mergeField(sides: Sides<NestedField | undefined>, path: readonly string[]): NestedField | undefined {
  const { base, target, source } = sides
  if (same(source, base) || same(source, target)) return target
  if (same(target, base)) return source
  const name = [...path, (target ?? source ?? base)?.name ?? '']
  if (!target || !source) throw differing(name, 'is dropped by one side and changed by the other')
  if (!base) throw differing(name, `has the id ${target.id}, which both sides gave to a new column`)
  const all = { base, target, source }
  const attribute = <Key extends keyof NestedField>(key: Key): NestedField[Key] =>
    threeWay(pick(all, key), same, () => {
      throw differing(name, `has another ${key} on each side`)
    })
  const type = mergeTypes(pick(all, 'type'), name)
  const [doc, initial, write] = [attribute('doc'), attribute('initial-default'), attribute('write-default')]
  return {
    id: base.id,
    name: attribute('name'),
    required: attribute('required'),
    type,
    ...(doc !== undefined && { doc }),
    ...(initial !== undefined && { 'initial-default': initial }),
    ...(write !== undefined && { 'write-default': write }),
  }
}

function mergeTypes({ base, target, source }: Sides<IcebergType>, path: readonly string[]): IcebergType {
  if (isStruct(base) && isStruct(target) && isStruct(source))
    return { type: 'struct', fields: mergeFields(pick({ base, target, source }, 'fields'), path) }
  if (isList(base) && isList(target) && isList(source)) {
    const element = mergeTypes(pick({ base, target, source }, 'element'), [...path, 'element'])
    const rest = { base: { ...base, element }, target: { ...target, element }, source: { ...source, element } }
    return threeWay<IcebergType>(rest, same, differs)
  }
  if (isMap(base) && isMap(target) && isMap(source)) {
    const value = mergeTypes(pick({ base, target, source }, 'value'), [...path, 'value'])
    const rest = { base: { ...base, value }, target: { ...target, value }, source: { ...source, value } }
    return threeWay<IcebergType>(rest, same, differs)
  }
  return threeWay<IcebergType>({ base, target, source }, same, differs)

  function differs(): never {
    throw differing(path, 'has another type on each side')
  }
}

function pick<T, Key extends keyof T>({ base, target, source }: Sides<T>, key: Key): Sides<T[Key]> {
  return { base: base[key], target: target[key], source: source[key] }
}

function sameIds(a: readonly number[] | undefined, b: readonly number[] | undefined): boolean {
  return sameJson(a ?? [], b ?? [])
}

function same(a: unknown, b: unknown): boolean {
  return sameJson(a ?? null, b ?? null)
}

function differing(path: readonly string[], problem: string) {
  const column = path.join('.')
  return mergeConflict('schema', `The column ${column} ${problem}`, { column })
}
