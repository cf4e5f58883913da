/** The name under which a dbt test's results are kept: `dbt__not_null__mart_routes`. */
export function dbtTestName(test: string, target: string): string {
  const clean = (text: string) => text.replace(/[^A-Za-z0-9_]/g, '_')
  return `dbt__${clean(test)}__${clean(target)}`
}

/** Tests of structure, without which a table cannot be used; others are about its content. */
const structural = new Set(['not_null', 'unique', 'relationships'])

/** How grave a failed test is: as declared, then by its tags, then by its kind. */
export function dbtTestSeverity(test: {
  readonly type?: string
  readonly tags?: readonly string[]
  readonly declared?: string
}): 'warn' | 'error' {
  if (test.declared !== undefined) return test.declared.toLowerCase() === 'warn' ? 'warn' : 'error'
  if (test.tags?.includes('blocking')) return 'error'
  if (test.tags?.some((tag) => tag === 'warn' || tag === 'anomaly')) return 'warn'
  return test.type !== undefined && !structural.has(test.type) ? 'warn' : 'error'
}
