import type { ColumnRule, RowRule } from '@phlo/ports'

/** What zod calls for a value or a row. */
type Condition = (value: never) => boolean

/**
 * Which rules conditions stand for, so that an engine can check what zod itself has no rule for. Kept on `globalThis` for
 * the same reason as the options of fields.
 */
const registryKey = Symbol.for('@phlo/schema/conditions')
type Registry = WeakMap<Condition, ColumnRule | RowRule>

function registry(): Registry {
  const holder = globalThis as { [registryKey]?: Registry }
  return (holder[registryKey] ??= new WeakMap())
}

/** The condition itself, known from now on to say the same as the rule. */
export function meaning<C extends Condition>(rule: ColumnRule | RowRule, condition: C): C {
  registry().set(condition, rule)
  return condition
}

/** The rule on a column that the condition stands for. */
export function columnRuleOf(condition: Condition | undefined): ColumnRule | undefined {
  const rule = condition && registry().get(condition)
  return rule && !isRowRule(rule) ? rule : undefined
}

/** The rule over columns that the condition stands for. */
export function rowRuleOf(condition: Condition | undefined): RowRule | undefined {
  const rule = condition && registry().get(condition)
  return rule && isRowRule(rule) ? rule : undefined
}

function isRowRule(rule: ColumnRule | RowRule): rule is RowRule {
  return rule.kind === 'compare' || rule.kind === 'any-of' || rule.kind === 'all-or-none'
}
