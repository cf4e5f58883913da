/**
 * The part of Avro's schema language that Iceberg's manifests use, with Iceberg's ids on fields.
 * Source: https://avro.apache.org/docs/1.11.1/specification and Iceberg's spec, Appendix A, "Avro".
 */
export type AvroSchema =
  AvroPrimitive | AvroRecord | AvroArray | AvroMap | AvroFixed | AvroLogical | readonly AvroSchema[]

export type AvroPrimitive = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string'

export interface AvroRecord {
  readonly type: 'record'
  readonly name: string
  readonly fields: readonly AvroField[]
}
export interface AvroField {
  readonly name: string
  readonly type: AvroSchema
  readonly 'field-id'?: number
  readonly default?: null
  readonly doc?: string
}
export interface AvroArray {
  readonly type: 'array'
  readonly items: AvroSchema
  readonly 'element-id'?: number
  /** `map` when the array stands for a map with keys that are no strings. */
  readonly logicalType?: string
}
export interface AvroMap {
  readonly type: 'map'
  readonly values: AvroSchema
}
export interface AvroFixed {
  readonly type: 'fixed'
  readonly name: string
  readonly size: number
  readonly logicalType?: string
  readonly precision?: number
  readonly scale?: number
}
/** A primitive with annotations. */
export interface AvroLogical {
  readonly type: AvroPrimitive
  readonly logicalType?: string
  readonly 'adjust-to-utc'?: boolean
  readonly precision?: number
  readonly scale?: number
}

/** `["null", type]`, as Iceberg writes optional fields. */
export function optional(type: AvroSchema): AvroSchema {
  return ['null', type]
}
