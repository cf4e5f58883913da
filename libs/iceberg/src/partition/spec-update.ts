import type { IcebergSchema, NestedField, PartitionField, PartitionSpec, TableMetadata } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { currentSchema } from '../metadata/metadata.js'
import { bindSpec, type PartitionColumn, partitionFieldName, samePartitionField, specById } from './partition-spec.js'
import { findField } from '../schema/schema.js'
import { parseTransform, type Transform, transformOf } from './transform.js'

const timeKinds = new Set<Transform['kind']>(['year', 'month', 'day', 'hour'])

/**
 * Changes of a table's current partition spec, made together. Each call throws PHLO_ICEBERG_INVALID for what cannot be
 * or what contradicts an earlier one, as the reference implementation does. Fields that are removed stay as `void` in
 * format version 1, where ids go by position; what was a field of any spec gets its old id back later.
 * Spec: "Partition Evolution".
 */
export class SpecUpdate {
  private readonly metadata: TableMetadata
  private readonly schema: IcebergSchema
  private readonly spec: PartitionSpec
  private readonly removed = new Set<PartitionField>()
  private readonly renamed = new Map<PartitionField, string>()
  private readonly added: PartitionField[] = []
  private lastId: number

  constructor(metadata: TableMetadata) {
    this.metadata = metadata
    this.schema = currentSchema(metadata)
    this.spec = specById(metadata['partition-specs'], metadata['default-spec-id'])
    this.lastId = metadata['last-partition-id']
    for (const field of this.spec.fields)
      if (transformOf(field).kind === 'unknown')
        throw refuse(`the spec has the field ${field.name} of a transform that is not known here`)
  }

  /** Partitions by one more column. Without a name the field gets one of its column and transform. */
  addField(by: PartitionColumn, name?: string): this {
    const source = this.column(by.column)
    const field = { 'source-id': source.id, transform: by.transform }
    const kind = parseTransform(by.transform).kind
    if (kind === 'unknown' || kind === 'void') throw refuse(`there is no transform ${by.transform.slice(0, 60)}`)
    if (this.added.some((other) => samePartitionField(other, field)))
      throw refuse(`${by.transform} of ${by.column} is added twice`)
    const existing = this.spec.fields.find((other) => samePartitionField(other, field))
    if (existing) {
      if (!this.removed.delete(existing)) throw refuse(`${by.transform} of ${by.column} is ${existing.name} already`)
      return name === undefined || name === existing.name ? this : this.rename(existing, name)
    }
    if (timeKinds.has(kind) && this.added.some((other) => this.isTimeOf(other, source.id)))
      throw refuse(`${by.transform} of ${by.column} says no more than the other time that is added`)
    const added = this.reused(source.id, by.transform, name) ?? {
      'source-id': source.id,
      'field-id': ++this.lastId,
      name: name ?? partitionFieldName(by.column, by.transform, true),
      transform: by.transform,
    }
    this.makeRoom(added.name)
    this.checkName(added.name, added)
    this.added.push(added)
    return this
  }

  /** No longer partitions by a field, told by its name or by its column and transform. */
  removeField(which: string | PartitionColumn): this {
    const field = typeof which === 'string' ? this.named(which) : this.of(which)
    if (this.renamed.has(field)) throw refuse(`${field.name} cannot be renamed and removed`)
    this.removed.add(field)
    return this
  }

  renameField(name: string, newName: string): this {
    const field = this.named(name)
    if (this.removed.has(field)) throw refuse(`${name} cannot be renamed and removed`)
    return this.rename(field, newName)
  }

  /** The spec after all changes, its id yet to be given. Throws PHLO_ICEBERG_INVALID when they do not fit together. */
  apply(): PartitionSpec {
    const fields = [
      ...this.spec.fields.flatMap((field): PartitionField[] => {
        const name = this.renamed.get(field) ?? field.name
        if (!this.removed.has(field)) return [{ ...field, name }]
        return this.metadata['format-version'] === 1 ? [{ ...field, name, transform: 'void' }] : []
      }),
      ...this.added,
    ]
    const names = fields.map((field) => field.name)
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice !== undefined) throw refuse(`two fields would be called ${twice}`)
    const spec: PartitionSpec = { 'spec-id': 0, fields }
    bindSpec(spec, this.schema)
    return spec
  }

  private column(name: string): NestedField {
    const source = findField(this.schema, name)
    if (!source) throw refuse(`there is no column ${name}`)
    return source
  }

  private isTimeOf(field: PartitionField, sourceId: number): boolean {
    return field['source-id'] === sourceId && timeKinds.has(transformOf(field).kind)
  }

  /** The field that some spec of the table has had for this. Version 1 does not follow fields through specs. */
  private reused(sourceId: number, transform: string, name: string | undefined): PartitionField | undefined {
    if (this.metadata['format-version'] === 1) return undefined
    return this.metadata['partition-specs']
      .flatMap(({ fields }) => fields)
      .find(
        (field) =>
          field['source-id'] === sourceId && field.transform === transform && (name ?? field.name) === field.name,
      )
  }

  /** A field that is gone, or about to go, gives its name up. */
  private makeRoom(name: string): void {
    const holder = this.spec.fields.find((field) => (this.renamed.get(field) ?? field.name) === name)
    if (holder && (this.removed.has(holder) || transformOf(holder).kind === 'void'))
      this.renamed.set(holder, `${name}_${holder['field-id']}`)
  }

  private rename(field: PartitionField, name: string): this {
    this.makeRoom(name)
    this.checkName(name, field)
    this.renamed.set(field, name)
    return this
  }

  /** Readers see partition fields beside the columns: only an identity may have a name of theirs, that of its own. */
  private checkName(name: string, field: PartitionField): void {
    if (name === '') throw refuse('a field needs a name')
    const column = findField(this.schema, name)
    if (column && !(field.transform === 'identity' && column.id === field['source-id']))
      throw refuse(`there is a column ${name}, so that no partition field can be called so`)
  }

  private named(name: string): PartitionField {
    if (this.added.some((field) => field.name === name)) throw refuse(`${name} is only just added`)
    const field = this.spec.fields.find((candidate) => candidate.name === name)
    if (!field) throw refuse(`there is no partition field ${name}`)
    return field
  }

  private of({ column, transform }: PartitionColumn): PartitionField {
    const { id } = this.column(column)
    const is = (field: PartitionField) => field['source-id'] === id && field.transform === transform
    if (this.added.some(is)) throw refuse(`${transform} of ${column} is only just added`)
    const field = this.spec.fields.find(is)
    if (!field) throw refuse(`the table is not partitioned by ${transform} of ${column}`)
    return field
  }
}

function refuse(problem: string) {
  return invalid('partition spec update', problem)
}
