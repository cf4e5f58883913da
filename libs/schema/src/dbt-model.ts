import { type ColumnRule, type ColumnSchema, type IcebergType, nearest, PhloError, type RowSchema } from '@phlo/ports'
import { z } from 'zod'
import type { Reference } from './zod-source.js'

/** What a dbt YAML says of a model's rows. */
export interface DbtModelSchema {
  readonly rows: RowSchema
  /** From `relationships`: the model as the YAML names it. */
  readonly references: readonly Reference[]
  /** Columns that together are unique. */
  readonly unique: readonly (readonly string[])[]
  readonly description?: string
  /** Columns whose type neither the YAML nor `types` tells; they are texts. */
  readonly untyped: readonly string[]
}

const Test = z.union([z.string(), z.record(z.string(), z.unknown())])
const Column = z.object({
  name: z.string(),
  description: z.string().optional(),
  data_type: z.string().optional(),
  tests: z.array(Test).nullish(),
  data_tests: z.array(Test).nullish(),
  constraints: z.array(z.object({ type: z.string() })).nullish(),
  meta: z.record(z.string(), z.unknown()).nullish(),
})
const Model = z.object({
  name: z.string(),
  description: z.string().optional(),
  columns: z.array(Column).nullish(),
  tests: z.array(Test).nullish(),
  data_tests: z.array(Test).nullish(),
})
const File = z.object({ models: z.array(Model).nullish() })
type Column = z.output<typeof Column>

/**
 * Reads a model's columns and tests out of a dbt YAML, given as plain values. `types` are those of the model's table, for
 * columns without a `data_type`. Throws PHLO_TEMPLATE_INVALID for what is no dbt YAML, or has no such model.
 */
export function dbtModelSchema(
  yaml: unknown,
  model: string,
  types: ReadonlyMap<string, IcebergType> = new Map(),
): DbtModelSchema {
  const parsed = File.safeParse(yaml)
  if (!parsed.success) throw invalid(`The file is no dbt YAML: ${z.prettifyError(parsed.error)}`)
  const models = parsed.data.models ?? []
  const found = models.find(({ name }) => name === model)
  if (!found) {
    const names = models.map(({ name }) => name)
    const near = nearest(model, names)
    throw invalid(
      `The file has no model ${JSON.stringify(model)}`,
      near === undefined ? `Models: ${names.join(', ') || 'none'}.` : `Did you mean ${near}?`,
    )
  }
  const columns = (found.columns ?? []).map((column) => ({ column, tests: testsOf(column) }))
  if (columns.length === 0) throw invalid(`The model ${model} has no columns in this file`)
  const typed = columns.map(({ column, tests }) => typeOf(column, tests, types))
  return {
    rows: { columns: columns.map(({ column, tests }, index) => columnOf(column, tests, typed[index] ?? 'string')) },
    references: columns.flatMap(({ column, tests }) => referencesOf(column, tests)),
    unique: testsOf(found).flatMap(({ name, options }) =>
      /(^|\.)unique_combination_of_columns$/.test(name) ? [texts(options['combination_of_columns'])] : [],
    ),
    ...(found.description !== undefined && { description: found.description }),
    untyped: columns.flatMap(({ column }, index) => (typed[index] === undefined ? [column.name] : [])),
  }
}

interface DbtTest {
  readonly name: string
  readonly options: Readonly<Record<string, unknown>>
}

/** Tests under either of their two names; their options stand beside them or, in newer files, under `arguments`. */
function testsOf(owner: Pick<Column, 'tests' | 'data_tests'>): DbtTest[] {
  return [...(owner.tests ?? []), ...(owner.data_tests ?? [])].flatMap((test) => {
    if (typeof test === 'string') return [{ name: test, options: {} }]
    return Object.entries(test).map(([name, options]) => {
      const given = record(options)
      return { name, options: { ...given, ...record(given['arguments']) } }
    })
  })
}

function columnOf(column: Column, tests: readonly DbtTest[], type: IcebergType): ColumnSchema {
  const has = (...names: string[]) =>
    tests.some(({ name, options }) => names.includes(name) && !isConditional(options)) ||
    (column.constraints ?? []).some((constraint) => names.includes(constraint.type))
  const classification = column.meta?.['classification']
  return {
    name: column.name,
    type,
    required: has('not_null', 'primary_key'),
    optional: false,
    rules: tests.flatMap((test) => acceptedValues(test, type)),
    unique: has('unique', 'primary_key'),
    ...(column.description !== undefined && column.description !== '' && { doc: column.description.trim() }),
    ...(typeof classification === 'string' && { classification }),
  }
}

/** A test that only warns, or looks at some rows only, says nothing of every row. */
function isConditional(options: Readonly<Record<string, unknown>>): boolean {
  const config = { ...record(options['config']), ...options }
  return (
    config['where'] !== undefined || /^warn$/i.test(typeof config['severity'] === 'string' ? config['severity'] : '')
  )
}

function acceptedValues({ name, options }: DbtTest, type: IcebergType): ColumnRule[] {
  if (name !== 'accepted_values' || isConditional(options) || !Array.isArray(options['values'])) return []
  const numeric = typeof type === 'string' && ['int', 'long', 'float', 'double'].includes(type)
  // dbt quotes values unless told otherwise; the column's type tells what they are.
  const values = (options['values'] as unknown[]).map((value) =>
    type === 'boolean' ? String(value) === 'true' : numeric ? Number(value) : String(value),
  )
  return [{ kind: 'in', values }]
}

function referencesOf(column: Column, tests: readonly DbtTest[]): Reference[] {
  return tests.flatMap(({ name, options }) => {
    if (name !== 'relationships' || isConditional(options)) return []
    const { to, field } = options
    const [, model] = /\(\s*(?:['"][^'"]*['"]\s*,\s*)?['"]([^'"]+)['"]\s*\)/.exec(String(to)) ?? []
    if (model === undefined || typeof field !== 'string')
      throw invalid(`The relationships test of ${column.name} needs to: ref('…') and field`)
    return [{ column: column.name, to: model, field }]
  })
}

const typeNames: readonly (readonly [RegExp, string])[] = [
  [/^(varchar|character varying|char|character|text|string|nvarchar|bpchar)\b/, 'string'],
  [/^(bigint|int8|long|int64)\b/, 'long'],
  [/^(integer|int|int4|int32|smallint|int2|tinyint)\b/, 'int'],
  [/^(double|float8|float64|double precision)\b/, 'double'],
  [/^(real|float4|float32)\b/, 'float'],
  [/^float\b/, 'double'],
  [/^bool(ean)?\b/, 'boolean'],
  [/^(timestamptz|timestamp(\(\d\))? with time zone|timestamp_tz|timestamp_ltz)/, 'timestamptz'],
  [/^(timestamp|datetime|timestamp_ntz)/, 'timestamp'],
  [/^date\b/, 'date'],
  [/^time\b/, 'time'],
  [/^uuid\b/, 'uuid'],
]

function typeOf(
  column: Column,
  tests: readonly DbtTest[],
  types: ReadonlyMap<string, IcebergType>,
): IcebergType | undefined {
  const text = column.data_type?.trim().toLowerCase()
  if (text === undefined) return types.get(column.name) ?? typeOfValues(tests)
  const [, precision, scale = '0'] = /^(?:numeric|decimal|number)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)$/.exec(text) ?? []
  if (precision !== undefined) return `decimal(${precision}, ${scale})`
  if (/^(numeric|decimal|number)$/.test(text)) return 'decimal(38, 9)'
  const known = typeNames.find(([pattern]) => pattern.test(text))?.[1]
  if (known !== undefined) return known
  throw invalid(
    `The column ${column.name} has the data_type ${JSON.stringify(column.data_type)}, which is not known`,
    'Known are the usual names of SQL types: varchar, bigint, integer, double, decimal(p, s), boolean, date, timestamp, timestamptz, time, uuid.',
  )
}

/** Values that dbt does not quote are numbers or booleans. */
function typeOfValues(tests: readonly DbtTest[]): IcebergType | undefined {
  const test = tests.find(({ name }) => name === 'accepted_values')
  const values = Array.isArray(test?.options['values']) ? (test.options['values'] as unknown[]) : []
  if (values.length === 0) return undefined
  if (test?.options['quote'] !== false) return 'string'
  if (values.every((value) => typeof value === 'boolean')) return 'boolean'
  return values.every(Number.isInteger)
    ? 'long'
    : values.every((value) => typeof value === 'number')
      ? 'double'
      : 'string'
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function invalid(problem: string, hint?: string): PhloError {
  return new PhloError('PHLO_TEMPLATE_INVALID', problem, hint === undefined ? {} : { hint })
}
