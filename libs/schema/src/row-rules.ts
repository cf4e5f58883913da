import { type ColumnSchema, type ComparisonOperator, type IcebergType, PhloError, type RowRule } from '@phlo/ports'
import type { z } from 'zod'
import { type Comparable, type Comparison, comparisonOf } from './compare-values.js'
import { meaning } from './known-conditions.js'

/** A rule over several columns of a row, as it is declared. */
export type DeclaredRowRule<Column extends string = string> =
  /** Two columns compared; met also where one of them is NULL. */
  | readonly [left: Column, operator: ComparisonOperator, right: Column]
  /** At least one of the columns has a value. */
  | { readonly anyOf: readonly Column[] }
  /** All of the columns have a value, or none has. */
  | { readonly allOrNone: readonly Column[] }

type Row = Readonly<Record<string, unknown>>

const operators: Readonly<Record<ComparisonOperator, (order: number) => boolean>> = {
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '=': (order) => order === 0,
  '<>': (order) => order !== 0,
  '>=': (order) => order >= 0,
  '>': (order) => order > 0,
}

/**
 * Adds rules over several columns to a schema, by their names. They hold of rows that the returned schema takes, and an
 * engine checks them with the rules of columns. Throws PHLO_SCHEMA_UNSUPPORTED for a column that is not there.
 *
 * @example
 * const Trip = rowRules(z.object({ start: z.iso.datetime(), end: z.iso.datetime().nullable() }), {
 *   ends_after_start: ['end', '>=', 'start'],
 * })
 */
export function rowRules<Schema extends z.ZodObject>(
  schema: Schema,
  rules: Readonly<Record<string, DeclaredRowRule<keyof z.output<Schema> & string>>>,
): Schema {
  let result: z.ZodObject = schema
  for (const [name, declared] of Object.entries(rules)) {
    const rule = ruleOf(name, declared)
    const unknown = columnsOf(rule).find((column) => !(column in schema.shape))
    if (unknown !== undefined) {
      throw new PhloError(
        'PHLO_SCHEMA_UNSUPPORTED',
        `The rule ${name} names ${JSON.stringify(unknown)}, which is no column of the schema`,
        { hint: `Columns: ${Object.keys(schema.shape).join(', ')}.`, context: { rule: name } },
      )
    }
    const compare = comparisonOf(schema.shape[columnsOf(rule)[0] as string] as object)
    const condition = (row: Row) => holds(rule, row, compare)
    result = result.refine(meaning(rule, condition), { error: `${name}: ${describeRowRule(rule)}` })
  }
  return result as Schema
}

/** The columns that the rule reads. */
export function columnsOf(rule: RowRule): readonly string[] {
  return rule.kind === 'compare' ? [rule.left, rule.right] : rule.columns
}

/** For people: `end must be >= start`. */
export function describeRowRule(rule: RowRule): string {
  switch (rule.kind) {
    case 'compare':
      return `${rule.left} must be ${rule.operator} ${rule.right}`
    case 'any-of':
      return `one of ${rule.columns.join(', ')} must have a value`
    case 'all-or-none':
      return `all of ${rule.columns.join(', ')} must have a value, or none`
  }
}

function ruleOf(name: string, declared: DeclaredRowRule): RowRule {
  if ('anyOf' in declared) return { kind: 'any-of', name, columns: declared.anyOf }
  if ('allOrNone' in declared) return { kind: 'all-or-none', name, columns: declared.allOrNone }
  const [left, operator, right] = declared
  if (!(operator in operators)) {
    throw new PhloError('PHLO_SCHEMA_UNSUPPORTED', `The rule ${name} compares by ${JSON.stringify(operator)}`, {
      hint: `Known: ${Object.keys(operators).join(' ')}.`,
    })
  }
  return { kind: 'compare', name, left, operator, right }
}

function holds(rule: RowRule, row: Row, compare: Comparison): boolean {
  if (rule.kind === 'compare') {
    const [left, right] = [row[rule.left] ?? null, row[rule.right] ?? null]
    if (left === null || right === null) return true
    return operators[rule.operator](compare(left as Comparable, right as Comparable))
  }
  const present = rule.columns.filter((column) => (row[column] ?? null) !== null).length
  return rule.kind === 'any-of' ? present > 0 : present === 0 || present === rule.columns.length
}

/** Types whose values are compared with each other, by what they say. */
const families: Readonly<Record<string, string>> = {
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  decimal: 'number',
  timestamp: 'time',
  timestamptz: 'instant',
  date: 'date',
  time: 'clock',
  string: 'text',
  boolean: 'boolean',
}

/**
 * Throws PHLO_SCHEMA_UNSUPPORTED for a comparison of columns that have no order in common: `naturalType` is the one of
 * the zod type, whose values the rule compares; the column's own is the one that an engine compares.
 */
export function checkComparable(rule: RowRule, columns: readonly ComparedColumn[]): void {
  if (rule.kind !== 'compare') return
  const sides = [rule.left, rule.right].map((name) => columns.find((column) => column.name === name) as ComparedColumn)
  const kinds = new Set(sides.flatMap(({ type, naturalType }) => [family(type), family(naturalType)]))
  if (kinds.size === 1 && !kinds.has(undefined)) return
  const [left, right] = sides.map(({ name, type }) => `${name} (${typeof type === 'string' ? type : type.type})`)
  throw new PhloError('PHLO_SCHEMA_UNSUPPORTED', `The rule ${rule.name} compares ${left} with ${right}`, {
    hint: 'Both must be numbers, texts, dates or times of one kind, and zod must know them as such.',
    context: { rule: rule.name },
  })
}

interface ComparedColumn extends Pick<ColumnSchema, 'name' | 'type'> {
  readonly naturalType: IcebergType
}

function family(type: IcebergType): string | undefined {
  return typeof type === 'string' ? families[type.replace(/\(.*/, '')] : undefined
}
