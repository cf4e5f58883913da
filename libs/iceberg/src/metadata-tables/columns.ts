import type { IcebergSchema, IcebergType, NestedField } from '@phlo/ports'
import type { Value } from '../types/value.js'

/** A value of a metadata table: a map as `Map`, a list as array, a struct as object, anything else as {@link Value}. */
export type MetadataValue =
  Value | null | ReadonlyMap<Value, Value> | readonly MetadataValue[] | { readonly [field: string]: MetadataValue }

/** A row of a metadata table, by column name. */
export type MetadataRow = Readonly<Record<string, MetadataValue>>

/** Which columns are wanted; the others need not be read. */
export interface WantedColumns {
  has(column: string): boolean
}

export function required(id: number, name: string, type: IcebergType): NestedField {
  return { id, name, required: true, type }
}

export function optional(id: number, name: string, type: IcebergType): NestedField {
  return { id, name, required: false, type }
}

export function listOf(id: number, element: IcebergType): IcebergType {
  return { type: 'list', 'element-id': id, element, 'element-required': true }
}

export function mapOf(keyId: number, key: string, valueId: number, value: string): IcebergType {
  return { type: 'map', 'key-id': keyId, key, 'value-id': valueId, value, 'value-required': true }
}

export function schemaOf(fields: readonly NestedField[]): IcebergSchema {
  return { type: 'struct', 'schema-id': 0, fields }
}

/** Milliseconds as a timestamp's microseconds. */
export function micros(milliseconds: number): bigint {
  return BigInt(milliseconds) * 1000n
}

export function long(value: number | undefined): bigint | null {
  return value === undefined ? null : BigInt(value)
}
