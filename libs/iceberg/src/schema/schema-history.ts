import type { IcebergSchema, IcebergType, NestedField, TableMetadata } from '@phlo/ports'
import { FieldIds } from './field-ids.js'
import { serializeJson } from '../metadata/json.js'
import { promote } from './promotion.js'
import { indexById } from './schema.js'
import { changes, type SchemaChange } from './schema-change.js'
import { formatType, isList, isMap, isStruct } from '../types/primitive.js'

/** A schema of a table and how it differs from the one before. */
export interface SchemaVersion {
  readonly schema: IcebergSchema
  readonly changes: readonly SchemaChange[]
}

/** The table's schemas, oldest first. The first one's changes are its columns. */
export function schemaHistory(metadata: TableMetadata): SchemaVersion[] {
  const schemas = metadata.schemas.toSorted((a, b) => a['schema-id'] - b['schema-id'])
  return schemas.map((schema, index) => ({
    schema,
    changes: schemaChanges(schemas[index - 1] ?? { ...schema, fields: [], 'identifier-field-ids': [] }, schema),
  }))
}

/**
 * What turns one schema into the other, columns told by their ids: dropped ones first, then the others in the order of
 * the schema after. Within an added or dropped column nothing more is told.
 */
export function schemaChanges(before: IcebergSchema, after: IcebergSchema): SchemaChange[] {
  const comparison = new Comparison(before, after)
  comparison.fields(before.fields, after.fields, [], [])
  return comparison.found()
}

class Comparison {
  private readonly before: IcebergSchema
  private readonly after: IcebergSchema
  private readonly dropped: SchemaChange[] = []
  private readonly others: SchemaChange[] = []

  constructor(before: IcebergSchema, after: IcebergSchema) {
    this.before = before
    this.after = after
  }

  found(): SchemaChange[] {
    const [old = [], now = []] = [this.before, this.after].map((schema) => schema['identifier-field-ids'])
    const sameIds = old.length === now.length && new Set([...old, ...now]).size === new Set(old).size
    return [...this.dropped, ...this.others, ...(sameIds ? [] : [changes.identifier(this.identifierNames(now))])]
  }

  private identifierNames(ids: readonly number[]): string {
    const index = indexById(this.after)
    return ids.map((id) => index.get(id)?.path.join('.') ?? String(id)).join(', ')
  }

  /** `path` is that of the schema before; added fields have the one after. */
  fields(
    before: readonly NestedField[],
    after: readonly NestedField[],
    path: readonly string[],
    pathAfter: readonly string[],
  ): void {
    const old = new Map(before.map((field, index) => [field.id, { field, index }]))
    const stays = new Set(after.map((field) => field.id))
    for (const field of before)
      if (!stays.has(field.id)) this.dropped.push(changes.drop([...path, field.name], field.type))
    const kept = after.flatMap((field) => old.get(field.id)?.index ?? [])
    const inOrder = longestRise(kept)
    after.forEach((field, position) => {
      const previous = old.get(field.id)
      if (!previous) {
        this.others.push(changes.add([...pathAfter, field.name], field))
        return
      }
      const name = [...path, previous.field.name]
      this.field(previous.field, field, name, [...pathAfter, field.name])
      if (!inOrder.has(previous.index)) this.others.push(changes.move(name, after[position - 1]?.name))
    })
  }

  private field(before: NestedField, after: NestedField, path: readonly string[], pathAfter: readonly string[]): void {
    if (before.name !== after.name) this.others.push(changes.rename(path, after.name))
    this.type(before.type, after.type, path, pathAfter)
    this.nullability(before.required, after.required, path)
    if (before.doc !== after.doc) this.others.push(changes.doc(path, after.doc))
    for (const [key, tell] of [
      ['initial-default', changes.initialDefault],
      ['write-default', changes.writeDefault],
    ] as const) {
      const json = serializeJson(after[key] ?? null)
      if (serializeJson(before[key] ?? null) !== json) this.others.push(tell(path, json))
    }
  }

  private nullability(before: boolean, after: boolean, path: readonly string[]): void {
    if (before !== after) this.others.push(after ? changes.required(path) : changes.optional(path))
  }

  private type(before: IcebergType, after: IcebergType, path: readonly string[], pathAfter: readonly string[]): void {
    const under = (name: string) =>
      [
        [...path, name],
        [...pathAfter, name],
      ] as const
    if (isStruct(before) && isStruct(after)) return this.fields(before.fields, after.fields, path, pathAfter)
    if (isList(before) && isList(after) && before['element-id'] === after['element-id']) {
      this.type(before.element, after.element, ...under('element'))
      return this.nullability(before['element-required'], after['element-required'], under('element')[0])
    }
    if (
      isMap(before) &&
      isMap(after) &&
      before['key-id'] === after['key-id'] &&
      before['value-id'] === after['value-id']
    ) {
      this.type(before.key, after.key, ...under('key'))
      this.type(before.value, after.value, ...under('value'))
      return this.nullability(before['value-required'], after['value-required'], under('value')[0])
    }
    if (typeof before === 'string' && typeof after === 'string' && formatType(before) === formatType(after)) return
    // Whether the table was of a version that lets it is not told by its schemas.
    const widened = promote(before, after, 3, new FieldIds(0)) !== undefined
    this.others.push(changes.type(path, before, after, widened))
  }
}

/** The members of a longest rising part of the numbers: what did not move when the others did. */
function longestRise(numbers: readonly number[]): Set<number> {
  const ends: number[] = []
  const previous = new Map<number, number | undefined>()
  for (const number of numbers) {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((ends[middle] as number) < number) low = middle + 1
      else high = middle
    }
    previous.set(number, ends[low - 1])
    ends[low] = number
  }
  const rise = new Set<number>()
  for (let number = ends.at(-1); number !== undefined; number = previous.get(number)) rise.add(number)
  return rise
}
