import { type ColumnRule, type ColumnSchema, isPhloError, restated, type RowRule, type SqlDialect } from '@phlo/ports'
import { columnsOf, describeRowRule } from './row-rules.js'

/** One condition of a column or row, as SQL. */
export interface ColumnPredicate {
  /** Stable name: the column and the rule's kind, for instance `delay min`. */
  readonly rule: string
  /** For people: `delay must be at least -120`. */
  readonly description: string
  /** SQL that is true for values that meet it. NULL for NULL. */
  readonly passes: string
}

/** More choices than this are looked up in a set; fewer are compared one by one, which engines do faster. */
const mostComparisons = 16

/** The column's rules as predicates over `expression`, which stands for the column's cast value. */
export function columnPredicates(column: ColumnSchema, expression: string, dialect: SqlDialect): ColumnPredicate[] {
  return column.rules.map((rule) => ({
    rule: `${column.name} ${rule.kind}`,
    description: `${column.name} ${describeColumnRule(rule)}`,
    passes: rulePredicate(rule, column, expression, dialect),
  }))
}

/** A condition over several columns, as SQL; never NULL. */
export interface RowPredicate extends ColumnPredicate {
  readonly columns: readonly string[]
}

/** The rules over several columns as predicates; `expression` gives a column's cast value. */
export function rowPredicates(rules: readonly RowRule[], expression: (column: string) => string): RowPredicate[] {
  return rules.map((rule) => {
    const columns = columnsOf(rule)
    return {
      rule: rule.name,
      description: `${rule.name}: ${describeRowRule(rule)}`,
      columns,
      passes: passes(rule, expression),
    }
  })
}

function passes(rule: RowRule, expression: (column: string) => string): string {
  if (rule.kind === 'compare')
    return `((${expression(rule.left)} ${rule.operator} ${expression(rule.right)}) IS NOT FALSE)`
  const present = rule.columns.map((column) => `${expression(column)} IS NOT NULL`)
  const some = `(${present.join(' OR ')})`
  return rule.kind === 'any-of' ? some : `(NOT ${some} OR (${present.join(' AND ')}))`
}

function rulePredicate(rule: ColumnRule, column: ColumnSchema, expression: string, dialect: SqlDialect): string {
  const literal = (value: Parameters<SqlDialect['typedLiteral']>[0]) => {
    try {
      return dialect.typedLiteral(value, typeof column.type === 'string' ? column.type : 'string')
    } catch (error) {
      if (!isPhloError(error)) throw error
      throw restated(error, { message: `Column ${column.name}: ${error.message}`, cause: error })
    }
  }
  switch (rule.kind) {
    case 'min':
      return `${expression} ${rule.exclusive ? '>' : '>='} ${literal(rule.value)}`
    case 'max':
      return `${expression} ${rule.exclusive ? '<' : '<='} ${literal(rule.value)}`
    case 'multiple-of':
      return isMultiple(rule.value, column, expression, dialect)
    case 'finite':
      // NaN and the infinities are the values that are not below the infinite one.
      return column.type === 'double' || column.type === 'float'
        ? `abs(${expression}) < ${dialect.typedLiteral('Infinity', column.type)}`
        : 'TRUE'
    case 'in':
      return rule.values.length <= mostComparisons
        ? `(${rule.values.map((value) => `${expression} = ${literal(value)}`).join(' OR ')})`
        : `${expression} IN (${rule.values.map(literal).join(', ')})`
    case 'not-in':
      return `${expression} NOT IN (${rule.values.map(literal).join(', ')})`
    case 'min-length':
      return `${lengthOf(column, expression, dialect)} >= ${rule.value}`
    case 'max-length':
      return `${lengthOf(column, expression, dialect)} <= ${rule.value}`
    case 'pattern':
      return dialect.matches(expression, rule.regex, { caseInsensitive: rule.caseInsensitive })
    case 'starts-with':
      return `starts_with(${expression}, ${dialect.literal(rule.value)})`
    case 'ends-with':
      return `${expression} LIKE ${dialect.literal(`%${escapeLike(rule.value)}`)} ESCAPE '\\'`
    case 'includes':
      return `${expression} LIKE ${dialect.literal(`%${escapeLike(rule.value)}%`)} ESCAPE '\\'`
  }
}

/** Among doubles as zod decides it: 0.3 is a multiple of 0.1, although it is not to the last bit. */
function isMultiple(step: number, column: ColumnSchema, expression: string, dialect: SqlDialect): string {
  const inexact = column.type === 'double' || column.type === 'float' || !Number.isInteger(step)
  if (!inexact) return `${expression} % ${dialect.literal(step)} = 0`
  const ratio = `(${expression} / ${dialect.typedLiteral(step, 'double')})`
  const tolerance = dialect.typedLiteral(4 * Number.EPSILON, 'double')
  return `abs(${ratio} - round(${ratio})) < ${tolerance} * greatest(abs(${ratio}), 1)`
}

/** zod counts a text's code points; so does SQL. */
function lengthOf(column: ColumnSchema, expression: string, dialect: SqlDialect): string {
  return typeof column.type === 'string' ? `length(${expression})` : dialect.collectionLength(expression)
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&')
}

/** For people: `must be at least 3`. */
export function describeColumnRule(rule: ColumnRule): string {
  const list = (values: readonly unknown[]) =>
    values.length > 8
      ? `${values.slice(0, 8).map(String).join(', ')}, … (${values.length})`
      : values.map(String).join(', ')
  switch (rule.kind) {
    case 'min':
      return `must be ${rule.exclusive ? 'above' : 'at least'} ${rule.value}`
    case 'max':
      return `must be ${rule.exclusive ? 'below' : 'at most'} ${rule.value}`
    case 'multiple-of':
      return `must be a multiple of ${rule.value}`
    case 'finite':
      return 'must be a finite number'
    case 'in':
      return `must be one of ${list(rule.values)}`
    case 'not-in':
      return `must be none of ${list(rule.values)}`
    case 'min-length':
      return `must be at least ${rule.value} long`
    case 'max-length':
      return `must be at most ${rule.value} long`
    case 'pattern':
      if (rule.format === undefined) return `must match /${rule.regex}/${rule.caseInsensitive ? 'i' : ''}`
      return rule.format.startsWith('/') ? `must match ${rule.format}` : `must be a valid ${rule.format}`
    case 'starts-with':
      return `must start with ${JSON.stringify(rule.value)}`
    case 'ends-with':
      return `must end with ${JSON.stringify(rule.value)}`
    case 'includes':
      return `must contain ${JSON.stringify(rule.value)}`
  }
}
