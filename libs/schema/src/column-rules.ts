import { type ColumnRule, PhloError, type RuleValue } from '@phlo/ports'
import { columnRuleOf } from './known-conditions.js'
import { re2Pattern } from './re2-pattern.js'
import type { ZodDefinition } from './zod-definition.js'

function unsupported(column: string, what: string, hint: string): PhloError {
  return new PhloError('PHLO_SCHEMA_UNSUPPORTED', `Column ${column}: ${what}`, { hint, context: { column } })
}

/** Formats that zod checks by code; the patterns that some of them have besides say less, or something else. */
const checkedByCode = new Set(['url', 'ipv6', 'cidrv6', 'credit_card', 'iban', 'jwt'])

/** These zod checks by code too, but a pattern can say the same. */
const exactPatterns: Readonly<Record<string, RegExp>> = {
  base64: /^(?:[0-9a-zA-Z+/]{4})*(?:[0-9a-zA-Z+/]{2}==|[0-9a-zA-Z+/]{3}=)?$/,
  base64url: /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?$/,
}

const int32 = { min: -(2 ** 31), max: 2 ** 31 - 1 }

/** The rule or rules that one of zod's checks means. Throws PHLO_SCHEMA_UNSUPPORTED for checks that no engine can run. */
export function rulesOfCheck(check: ZodDefinition, column: string): ColumnRule[] {
  switch (check.check) {
    case 'greater_than':
      return [{ kind: 'min', value: ruleValue(check.value), exclusive: !check.inclusive }]
    case 'less_than':
      return [{ kind: 'max', value: ruleValue(check.value), exclusive: !check.inclusive }]
    case 'multiple_of':
      return [{ kind: 'multiple-of', value: Number(check.value) }]
    case 'min_length':
      return [{ kind: 'min-length', value: check.minimum ?? 0 }]
    case 'max_length':
      return [{ kind: 'max-length', value: check.maximum ?? 0 }]
    case 'length_equals':
      return [
        { kind: 'min-length', value: check.length ?? 0 },
        { kind: 'max-length', value: check.length ?? 0 },
      ]
    case 'number_format':
    case 'bigint_format':
      return rulesOfNumberFormat(check.format)
    case 'string_format':
      return rulesOfStringFormat(check, column)
    case 'overwrite':
      throw unsupported(
        column,
        'its schema changes the text (trim, toLowerCase, …)',
        'Ingestion stores what the source has. Change it in a SQL model.',
      )
    case 'custom': {
      const known = columnRuleOf(check.fn)
      if (known) return [known]
      throw unsupported(
        column,
        'its schema has a function of its own (refine)',
        'Say it with zod’s own rules, or as a custom_sql check.',
      )
    }
    default:
      throw unsupported(
        column,
        `its schema has a check ${String(check.check)} that columns cannot have`,
        'Use a rule that the documentation lists.',
      )
  }
}

function ruleValue(value: ZodDefinition['value']): RuleValue {
  if (typeof value === 'number' || typeof value === 'bigint') return value
  return (value as Date).toISOString()
}

function rulesOfNumberFormat(format: string | undefined): ColumnRule[] {
  const range = (min: RuleValue, max: RuleValue): ColumnRule[] => [
    { kind: 'min', value: min, exclusive: false },
    { kind: 'max', value: max, exclusive: false },
  ]
  switch (format) {
    case 'safeint':
      return range(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    case 'int32':
      return range(int32.min, int32.max)
    case 'uint32':
      return range(0, 2 ** 32 - 1)
    case 'uint64':
      return range(0n, 2n ** 64n - 1n)
    default:
      return []
  }
}

function rulesOfStringFormat(check: ZodDefinition, column: string): ColumnRule[] {
  switch (check.format) {
    case 'starts_with':
      return [{ kind: 'starts-with', value: check.prefix ?? '' }]
    case 'ends_with':
      return [{ kind: 'ends-with', value: check.suffix ?? '' }]
    case 'includes':
      if (check.position !== undefined) {
        throw unsupported(column, 'its text must be included behind a position', 'Say it with .regex().')
      }
      return [{ kind: 'includes', value: check.includes ?? '' }]
    // Columns of these formats have a type of their own, which says it.
    case 'datetime':
    case 'date':
    case 'time':
      return []
    default:
  }
  const { format = 'custom' } = check
  const pattern = exactPatterns[format] ?? check.pattern
  if (!pattern || checkedByCode.has(format)) {
    throw unsupported(
      column,
      `zod checks the format ${format} by code, which an engine cannot run`,
      'Use .regex() with a pattern that says it.',
    )
  }
  // People know a pattern of their own as they wrote it, and others by their names.
  return [patternRule(pattern, column, format === 'regex' ? String(pattern) : format)]
}

function patternRule(pattern: RegExp, column: string, format: string): ColumnRule {
  return {
    kind: 'pattern',
    regex: re2Pattern(pattern, column),
    caseInsensitive: pattern.flags.includes('i'),
    format,
  }
}
