import type { IcebergSchema, IcebergType, NestedField, SingleValue, TableMetadata } from '@phlo/ports'
import { FieldIds, withIds } from './field-ids.js'
import { invalid } from '../invalid.js'
import { failing } from '../metadata/layout-updates.js'
import { currentSchema } from '../metadata/metadata.js'
import { type Found, NameIndex, root } from './name-index.js'
import { promote } from './promotion.js'
import { type Move, rebuildFields, type Rebuilding } from './rebuild.js'
import { checkFoldedNames, checkNewSchema, validateSchema } from './schema-checks.js'
import { checkReferences } from './schema-references.js'
import type { SchemaEvolution } from './schema-change.js'
import { schemaChanges } from './schema-history.js'
import { formatType, isList, isMap, isStruct, sameType } from '../types/primitive.js'

export interface SchemaUpdateOptions {
  /** Whether `ID` and `id` are two names; they are unless this is false. */
  readonly caseSensitive?: boolean
  /** Lets columns become required although stored rows may have no value. */
  readonly allowBreaking?: boolean
}

export interface NewColumn {
  /** The dotted name of the struct that it becomes a field of; of a list or map, its elements or values. */
  readonly parent?: string
  readonly doc?: string
  readonly required?: boolean
  /** What stored rows have, and new ones without a value. Needs format version 3. Spec: "Default values". */
  readonly default?: SingleValue
}

/**
 * Changes of a table's columns, told by dotted names and made together. Each call throws PHLO_ICEBERG_INVALID for what
 * cannot be or what contradicts an earlier one, as the reference implementation does. Names are those of the schema
 * before; a column that is added may be changed and moved by its new name. Spec: "Schema Evolution".
 */
export class SchemaUpdate {
  private readonly metadata: TableMetadata
  private readonly schema: IcebergSchema
  private readonly options: SchemaUpdateOptions
  private readonly names: NameIndex
  private readonly ids: FieldIds
  private readonly drops = new Set<number>()
  private readonly updates = new Map<number, NestedField>()
  private readonly adds = new Map<number, NestedField[]>()
  private readonly added = new Map<string, Found>()
  private readonly moves = new Map<number, Move[]>()
  private identifiers: readonly string[] | undefined

  constructor(metadata: TableMetadata, options: SchemaUpdateOptions = {}) {
    this.metadata = metadata
    this.schema = currentSchema(metadata)
    this.options = options
    this.names = new NameIndex(this.schema, options.caseSensitive ?? true)
    this.ids = new FieldIds(metadata['last-column-id'])
  }

  /** Adds a column at the end of its struct, under an id that was never used. */
  addColumn(name: string, type: IcebergType, column: NewColumn = {}): this {
    const parent = column.parent === undefined ? undefined : this.structAt(column.parent)
    const path = parent ? `${parent.name}.${name}` : name
    const existing = this.names.find(path)
    if ((existing && !this.drops.has(existing.field.id)) || this.added.has(this.names.fold(path)))
      throw refuse(`there is a column ${path} already`)
    const value = column.default ?? null
    const required = column.required ?? false
    if (required && value === null && !this.options.allowBreaking)
      throw refuse(`${path} cannot be required without a default, since stored rows have no value for it`)
    const field: NestedField = {
      id: this.ids.next(),
      name,
      required,
      type: withIds(type, this.ids),
      ...(column.doc !== undefined && { doc: column.doc }),
      ...(value !== null && { 'initial-default': value, 'write-default': value }),
    }
    const parentId = parent?.field.id ?? root
    this.adds.set(parentId, [...(this.adds.get(parentId) ?? []), field])
    this.added.set(this.names.fold(path), { field, name: path, parentId, kind: 'field', withinKey: false })
    return this
  }

  /** Drops a column with all that is in it. */
  dropColumn(path: string): this {
    const found = this.existing(path)
    const { id } = found.field
    if (found.kind !== 'field') throw refuse(`${path} is a part of its list or map and cannot be dropped`)
    for (const changed of this.changedIds())
      if (changed === id || this.names.parentsOf(changed).includes(id))
        throw refuse(`${path} cannot be dropped and changed`)
    this.drops.add(id)
    return this
  }

  renameColumn(path: string, name: string): this {
    const found = this.kept(this.existing(path))
    if (found.kind !== 'field') throw refuse(`${path} is a part of its list or map and has no name of its own`)
    if (name === '') throw refuse(`${path} cannot be renamed to nothing`)
    this.update(found, { name })
    return this
  }

  /** Widens a column's type. Throws for any other type, and where old partitions would not fit the new one. */
  updateType(path: string, type: IcebergType): this {
    const found = this.kept(this.current(path))
    const { type: before } = found.field
    if (sameType(before, type)) return this
    const wider = promote(before, type, this.metadata['format-version'], this.ids)
    if (wider === undefined) throw refuse(`${path} cannot go from ${formatType(before)} to ${formatType(type)}`)
    this.update(found, { type: wider })
    return this
  }

  makeOptional(path: string): this {
    const found = this.kept(this.current(path))
    if (found.field.required) this.update(found, { required: false })
    return this
  }

  /** Only with `allowBreaking`, or for a column that is added with a default. */
  makeRequired(path: string): this {
    const found = this.kept(this.current(path))
    if (found.field.required) return this
    const defaulted = this.isAdded(found.field.id) && (found.field['initial-default'] ?? null) !== null
    if (!defaulted && !this.options.allowBreaking)
      throw refuse(`${path} cannot become required, since stored rows may hold NULL`)
    this.update(found, { required: true })
    return this
  }

  /** `undefined` takes the text away. */
  updateDoc(path: string, doc: string | undefined): this {
    const found = this.kept(this.current(path))
    if (found.kind !== 'field') throw refuse(`${path} is a part of its list or map and has no text of its own`)
    const { doc: _, ...rest } = found.field
    this.replace({ ...rest, ...(doc !== undefined && { doc }) })
    return this
  }

  /** What new rows get without a value; `null` for none. What stored rows have never changes. */
  updateDefault(path: string, value: SingleValue): this {
    const found = this.kept(this.current(path))
    if (found.kind !== 'field') throw refuse(`${path} is a part of its list or map and has no default`)
    const { 'write-default': _, ...rest } = found.field
    this.replace({ ...rest, ...(value !== null && { 'write-default': value }) })
    return this
  }

  moveFirst(path: string): this {
    return this.move(path, 'first')
  }
  moveBefore(path: string, other: string): this {
    return this.move(path, 'before', other)
  }
  moveAfter(path: string, other: string): this {
    return this.move(path, 'after', other)
  }

  /** The columns that tell which rows are the same, by their names after the update. Spec: "Identifier Field IDs". */
  setIdentifierFields(paths: readonly string[]): this {
    this.identifiers = paths
    return this
  }

  /** The schema after all changes. Throws PHLO_ICEBERG_INVALID when they do not fit together. */
  apply(): SchemaEvolution {
    const rebuilding: Rebuilding = {
      drops: this.drops,
      updates: this.updates,
      adds: this.adds,
      moves: this.moves,
    }
    const fields = rebuildFields(this.schema.fields, root, rebuilding)
    const { 'identifier-field-ids': before = [], ...rest } = this.schema
    const identifiers = this.identifierIds({ ...rest, fields }, before)
    const schema: IcebergSchema = {
      ...rest,
      fields,
      ...((identifiers.length > 0 || before.length > 0) && { 'identifier-field-ids': identifiers }),
    }
    const fail = failing('schema update')
    validateSchema(schema, fail)
    checkNewSchema(schema, this.metadata['format-version'], fail)
    checkReferences(this.metadata, this.schema, schema, fail)
    if (this.options.caseSensitive === false) checkFoldedNames(schema, fail)
    const found = schemaChanges(this.schema, schema)
    return { schema: found.length === 0 ? this.schema : schema, lastColumnId: this.ids.last, changes: found }
  }

  private identifierIds(schema: IcebergSchema, before: readonly number[]): readonly number[] {
    const index = new NameIndex(schema, this.options.caseSensitive ?? true)
    if (this.identifiers)
      return this.identifiers.map((path) => {
        const found = index.find(path)
        if (!found) throw refuse(`there is no column ${path} to identify rows by`)
        return found.field.id
      })
    for (const id of before)
      if (!index.has(id))
        throw refuse(`${this.names.nameOf(id)} identifies rows; it cannot be dropped unless others do`)
    return before
  }

  private move(path: string, where: Move['where'], other?: string): this {
    const found = this.kept(this.movable(path))
    const reference = other === undefined ? undefined : this.kept(this.movable(other))
    if (reference?.field.id === found.field.id) throw refuse(`${path} cannot be moved to where it is itself`)
    if (reference && reference.parentId !== found.parentId)
      throw refuse(`${path} cannot be moved into another struct, where ${other ?? ''} is`)
    this.moves.set(found.parentId, [
      ...(this.moves.get(found.parentId) ?? []),
      { id: found.field.id, where, ...(reference && { reference: reference.field.id }) },
    ])
    return this
  }

  /** An added column goes before a dropped one of the same name. */
  private movable(path: string): Found {
    const found = this.added.get(this.names.fold(path)) ?? this.existing(path)
    if (found.kind !== 'field') throw refuse(`${path} is a part of its list or map and has its place`)
    return found
  }

  private changedIds(): number[] {
    const moved = [...this.moves.values()].flat().flatMap(({ id, reference }) => [id, reference ?? id])
    return [...this.updates.keys(), ...this.adds.keys(), ...moved]
  }

  private isAdded(id: number): boolean {
    return [...this.added.values()].some(({ field }) => field.id === id)
  }

  private existing(path: string): Found {
    const found = this.names.find(path)
    if (!found) throw refuse(`there is no column ${path}`)
    if (found.withinKey) throw refuse(`${path} is part of a map's keys, which cannot change`)
    return found
  }

  /** A column as it is after the changes so far. */
  private current(path: string): Found {
    const existing = this.names.find(path)
    const added = this.added.get(this.names.fold(path))
    if (added && (!existing || this.drops.has(existing.field.id)))
      return { ...added, field: this.updates.get(added.field.id) ?? added.field }
    const found = this.existing(path)
    return { ...found, field: this.updates.get(found.field.id) ?? found.field }
  }

  private kept(found: Found): Found {
    for (const id of [found.field.id, ...this.names.parentsOf(found.field.id, found.parentId)])
      if (this.drops.has(id)) throw refuse(`${found.name} cannot be dropped and changed`)
    return found
  }

  private structAt(path: string): Found {
    const found = this.kept(this.existing(path))
    const { type } = found.field
    const inner = isList(type) ? `${found.name}.element` : isMap(type) ? `${found.name}.value` : undefined
    if (inner !== undefined) return this.structAt(inner)
    if (!isStruct(type)) throw refuse(`${path} is no struct that could have columns`)
    return found
  }

  private update(found: Found, change: Partial<NestedField>): void {
    this.replace({ ...(this.updates.get(found.field.id) ?? found.field), ...change })
  }
  private replace(field: NestedField): void {
    this.updates.set(field.id, field)
  }
}

function refuse(problem: string) {
  return invalid('schema update', problem)
}
