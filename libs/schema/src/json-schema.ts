import type { ColumnRule, ColumnSchema, IcebergType, RowSchema, RuleValue } from '@phlo/ports'

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>

/**
 * The JSON Schema of a row as JSON has it: dates and times as ISO 8601 text, decimals as text. Rules that JSON Schema
 * cannot say are left out, so that it takes every row that the schema takes, and some more.
 */
export function jsonSchema(rows: RowSchema, options: { readonly title?: string } = {}): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...(options.title !== undefined && { title: options.title }),
    type: 'object',
    properties: Object.fromEntries(rows.columns.map((column) => [column.name, columnJsonSchema(column)])),
    required: rows.columns.filter(({ optional }) => !optional).map(({ name }) => name),
    additionalProperties: false,
  }
}

function columnJsonSchema(column: ColumnSchema): JsonSchema {
  const value = { ...typeJsonSchema(column.type), ...ruleKeywords(column) }
  return {
    ...(column.doc !== undefined && { description: column.doc }),
    ...(column.required ? value : { anyOf: [value, { type: 'null' }] }),
  }
}

function typeJsonSchema(type: IcebergType): JsonSchema {
  if (typeof type !== 'string') {
    switch (type.type) {
      case 'list':
        return { type: 'array', items: orNull(typeJsonSchema(type.element), type['element-required']) }
      case 'map':
        return { type: 'object', additionalProperties: orNull(typeJsonSchema(type.value), type['value-required']) }
      case 'struct':
        return {
          type: 'object',
          properties: Object.fromEntries(
            type.fields.map((field) => [
              field.name,
              {
                ...(field.doc !== undefined && { description: field.doc }),
                ...orNull(typeJsonSchema(field.type), field.required),
              },
            ]),
          ),
          required: type.fields.filter(({ required }) => required).map(({ name }) => name),
        }
    }
  }
  switch (type) {
    case 'boolean':
      return { type: 'boolean' }
    case 'int':
    case 'long':
      return { type: 'integer' }
    case 'float':
    case 'double':
      return { type: 'number' }
    case 'date':
      return { type: 'string', format: 'date' }
    case 'time':
      return { type: 'string', format: 'time' }
    case 'timestamptz':
    case 'timestamptz_ns':
      return { type: 'string', format: 'date-time' }
    default:
      return { type: 'string' }
  }
}

function orNull(schema: JsonSchema, required: boolean): JsonSchema {
  return required ? schema : { anyOf: [schema, { type: 'null' }] }
}

function ruleKeywords(column: ColumnSchema): JsonSchema {
  const numeric = typeof column.type === 'string' && ['int', 'long', 'float', 'double'].includes(column.type)
  const keywords: Record<string, unknown> = {}
  const all: JsonSchema[] = []
  for (const rule of column.rules) {
    const said = keywordsOf(rule, column.type, numeric)
    // Two rules of one kind stand side by side.
    if (Object.keys(said).some((keyword) => keyword in keywords)) all.push(said)
    else Object.assign(keywords, said)
  }
  return { ...keywords, ...(all.length > 0 && { allOf: all }) }
}

function keywordsOf(rule: ColumnRule, type: IcebergType, numeric: boolean): JsonSchema {
  switch (rule.kind) {
    case 'min':
      return numeric && exact(rule.value) ? { [rule.exclusive ? 'exclusiveMinimum' : 'minimum']: rule.value } : {}
    case 'max':
      return numeric && exact(rule.value) ? { [rule.exclusive ? 'exclusiveMaximum' : 'maximum']: rule.value } : {}
    case 'multiple-of':
      // Among doubles a validator's division is not the one of zod.
      return numeric && Number.isInteger(rule.value) ? { multipleOf: rule.value } : {}
    case 'finite':
      return {}
    case 'in':
      return sameSpelling(type) && rule.values.every(exact) ? { enum: rule.values } : {}
    case 'not-in':
      return sameSpelling(type) && rule.values.every(exact) ? { not: { enum: rule.values } } : {}
    case 'min-length':
      return { [lengthKeyword('min', type)]: rule.value }
    case 'max-length':
      return { [lengthKeyword('max', type)]: rule.value }
    case 'pattern':
      return patternKeywords(rule)
    case 'starts-with':
      return { pattern: `^${escaped(rule.value)}` }
    case 'ends-with':
      return { pattern: `${escaped(rule.value)}$` }
    case 'includes':
      return { pattern: escaped(rule.value) }
  }
}

/** JSON has no big integers. */
function exact(value: RuleValue): value is number | string | boolean {
  return typeof value !== 'bigint'
}

/** Times are spelled in several ways. */
function sameSpelling(type: IcebergType): boolean {
  return typeof type === 'string' && ['string', 'boolean', 'int', 'long', 'float', 'double', 'date'].includes(type)
}

function lengthKeyword(limit: 'min' | 'max', type: IcebergType): string {
  if (typeof type === 'string') return `${limit}Length`
  return type.type === 'list' ? `${limit}Items` : `${limit}Properties`
}

/** A pattern as it was written in JavaScript, whose syntax JSON Schema has; of a format, its name. */
function patternKeywords({ format }: Extract<ColumnRule, { kind: 'pattern' }>): JsonSchema {
  const [, source, flags = ''] = /^\/(.*)\/([a-z]*)$/s.exec(format ?? '') ?? []
  if (source !== undefined) return /[is]/.test(flags) ? {} : { pattern: source }
  return format === 'email' || format === 'uuid' || format === 'ipv4' ? { format } : {}
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}
