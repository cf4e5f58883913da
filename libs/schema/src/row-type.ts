import type { ColumnSchema, IcebergType, RowSchema, RuleValue } from '@phlo/ports'
import { propertyName, stringLiteral } from './typescript-text.js'

/** TypeScript's declaration of a row's type: `export interface Order { … }`; values as a query's plain rows have them. */
export function rowType(name: string, rows: RowSchema): string {
  const properties = rows.columns.map(
    (column) => `${comment(column.doc)}  readonly ${propertyName(column.name)}: ${columnType(column)}\n`,
  )
  return `export interface ${name} {\n${properties.join('')}}\n`
}

function comment(doc: string | undefined): string {
  return doc === undefined ? '' : `  /** ${doc.replaceAll('*/', '*\\/').replaceAll(/\s+/g, ' ')} */\n`
}

function columnType(column: ColumnSchema): string {
  const values = column.rules.find((rule) => rule.kind === 'in')?.values
  const type = values && values.length > 0 ? values.map(literalType).join(' | ') : typeText(column.type)
  return column.required ? type : `${type} | null`
}

function literalType(value: RuleValue): string {
  return typeof value === 'string' ? stringLiteral(value) : typeof value === 'bigint' ? `${value}n` : String(value)
}

function typeText(type: IcebergType): string {
  if (typeof type === 'string') {
    if (type === 'boolean') return 'boolean'
    return ['int', 'float', 'double', 'long'].includes(type) ? 'number' : 'string'
  }
  const orNull = (inner: IcebergType, required: boolean) => (required ? typeText(inner) : `${typeText(inner)} | null`)
  switch (type.type) {
    case 'list': {
      const element = orNull(type.element, type['element-required'])
      return `readonly ${/\W/.test(element) ? `(${element})` : element}[]`
    }
    case 'map':
      return `Readonly<Record<string, ${orNull(type.value, type['value-required'])}>>`
    case 'struct':
      return `{ ${type.fields
        .map((field) => `readonly ${propertyName(field.name)}: ${orNull(field.type, field.required)}`)
        .join('; ')} }`
  }
}
