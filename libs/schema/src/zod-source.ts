import {
  type ColumnRule,
  type ColumnSchema,
  type IcebergType,
  type NestedField,
  PhloError,
  type RowSchema,
  type RuleValue,
} from '@phlo/ports'
import { propertyName, stringLiteral } from './typescript-text.js'

/** That every value of a column is one of another table's column. */
export interface Reference {
  readonly column: string
  /** `namespace.table`. */
  readonly to: string
  readonly field: string
}

export interface ZodSourceOptions {
  /** The exported constant's name, an identifier of TypeScript. */
  readonly name: string
  /** What the file is made from, for its first line. */
  readonly origin: string
  readonly references?: readonly Reference[]
  /** Columns that together tell rows apart. */
  readonly unique?: readonly (readonly string[])[]
}

/**
 * TypeScript source of a module that declares the schema with zod, so that {@link rowSchemaFromZod} of it gives the same
 * columns. Throws PHLO_SCHEMA_UNSUPPORTED for a column type that zod schemas cannot have, naming the column.
 */
export function zodSource(rows: RowSchema, { name, origin, references = [], unique = [] }: ZodSourceOptions): string {
  const columns = rows.columns.map((column) => `  ${propertyName(column.name)}: ${columnSource(column)},\n`)
  const checks = [
    ...unique.map((key) => `unique([${key.map(stringLiteral).join(', ')}])`),
    ...references.map(({ column, to, field }) => `refersTo(${[column, to, field].map(stringLiteral).join(', ')})`),
  ]
  const used = (word: string) => [...columns, ...checks].some((text) => text.includes(`${word}(`))
  const imports = ['field', 'refersTo', 'unique'].filter(used)
  return [
    `import { ${[...imports, 'z'].join(', ')} } from 'phlo'\n`,
    `\n/** Made from ${origin.replaceAll('*/', '*\\/')}. */\n`,
    `export const ${name} = z.object({\n${columns.join('')}})\n`,
    ...(checks.length === 0
      ? []
      : [
          `\n/** For \`quality({ table: …, checks: ${lowerFirst(name)}Checks })\`. */\n`,
          `export const ${lowerFirst(name)}Checks = [\n${checks.map((check) => `  ${check},\n`).join('')}]\n`,
        ]),
  ].join('')
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1)
}

function columnSource(column: ColumnSchema): string {
  const values = column.rules.find((rule) => rule.kind === 'in')?.values
  const { zod, type } = values && values.length > 0 ? choiceSource(column, values) : plainSource(column)
  const rules = column.rules.map(methodOf).join('')
  const nothing = column.required ? '' : column.optional ? '.nullish()' : '.nullable()'
  const options = [
    ...(type === undefined ? [] : [`type: ${stringLiteral(type)}`]),
    ...(column.unique ? ['unique: true'] : []),
    ...(column.classification === undefined ? [] : [`classification: ${stringLiteral(column.classification)}`]),
    ...(column.doc === undefined ? [] : [`description: ${stringLiteral(column.doc)}`]),
  ]
  const schema = `${zod}${rules}${nothing}`
  return options.length === 0 ? schema : `field(${schema}, { ${options.join(', ')} })`
}

/** Limits that no number of JavaScript holds ask for big integers. */
function plainSource({ name, type, rules }: ColumnSchema): Source {
  const big = rules.some((rule) => 'value' in rule && typeof rule.value === 'bigint')
  return type === 'long' && big ? { zod: 'z.bigint()' } : typeSource(type, name)
}

interface Source {
  readonly zod: string
  /** Iceberg type where it is another than that of the zod type. */
  readonly type?: string
}

function choiceSource(column: ColumnSchema, values: readonly RuleValue[]): Source {
  if (values.every((value) => typeof value === 'string') && column.type === 'string')
    return { zod: `z.enum([${values.map(stringLiteral).join(', ')}])` }
  const spelled = values.map((value) =>
    typeof value === 'string' ? stringLiteral(value) : typeof value === 'bigint' ? `${value}n` : String(value),
  )
  const { zod, type } = typeSource(column.type, column.name)
  const natural = new Set(values.map((value) => typeof value))
  if (natural.size === 1 && !natural.has('string')) return { zod: `z.literal([${spelled.join(', ')}])` }
  return { zod: `field(${zod}, { isin: [${spelled.join(', ')}] })`, ...(type !== undefined && { type }) }
}

const plainTypes: Readonly<Record<string, string>> = {
  string: 'z.string()',
  boolean: 'z.boolean()',
  int: 'z.int32()',
  long: 'z.int()',
  float: 'z.float32()',
  double: 'z.number()',
  date: 'z.iso.date()',
  time: 'z.iso.time()',
  timestamp: 'z.iso.datetime({ local: true })',
  timestamptz: 'z.iso.datetime({ offset: true })',
}

function typeSource(type: IcebergType, path: string): Source {
  if (typeof type !== 'string') return { zod: nestedSource(type, path) }
  const plain = plainTypes[type]
  if (plain !== undefined) return { zod: plain }
  // Text says every decimal; a number does not.
  if (type === 'uuid' || type.startsWith('decimal')) return { zod: 'z.string()', type }
  throw new PhloError('PHLO_SCHEMA_UNSUPPORTED', `Column ${path}: no zod schema stands for the type ${type}`, {
    hint: 'Convert the column in a SQL model first.',
    context: { column: path },
  })
}

function nestedSource(type: Exclude<IcebergType, string>, path: string): string {
  const inner = (name: string, of: IcebergType, required: boolean, lacking = '.nullable()') => {
    const { zod, type: other } = typeSource(of, `${path}.${name}`)
    const source = other === undefined ? zod : `field(${zod}, { type: ${stringLiteral(other)} })`
    return required ? source : `${source}${lacking}`
  }
  switch (type.type) {
    case 'list':
      return `z.array(${inner('element', type.element, type['element-required'])})`
    case 'map':
      return `z.record(${inner('key', type.key, true)}, ${inner('value', type.value, type['value-required'])})`
    case 'struct': {
      const field = ({ name, type: of, required, doc }: NestedField) =>
        `${propertyName(name)}: ${inner(name, of, required, '.nullish()')}${doc === undefined ? '' : `.describe(${stringLiteral(doc)})`}`
      return `z.object({ ${type.fields.map(field).join(', ')} })`
    }
  }
}

/** A rule as a method of zod's; choices have been said by the type, and formats of numbers are its own. */
function methodOf(rule: ColumnRule): string {
  switch (rule.kind) {
    case 'min-length':
      return `.min(${rule.value})`
    case 'max-length':
      return `.max(${rule.value})`
    case 'min':
    case 'max': {
      if (typeof rule.value === 'string' || typeof rule.value === 'boolean') return ''
      const method = rule.kind === 'min' ? (rule.exclusive ? 'gt' : 'min') : rule.exclusive ? 'lt' : 'max'
      return `.${method}(${rule.value}${typeof rule.value === 'bigint' ? 'n' : ''})`
    }
    default:
      return ''
  }
}
