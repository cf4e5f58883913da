import type { CheckContext, CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { standardSchema } from './common.js'

const Options = z.strictObject({
  /** Iceberg types by column, for instance `long` or `decimal(12, 2)`; `any` for whatever type. */
  columns: z.record(z.string(), z.string()).refine((columns) => Object.keys(columns).length > 0, {
    error: 'name at least one column',
  }),
  /** Other columns are a mistake. Default false. */
  exact: z.boolean().optional(),
  /** The columns stand in this order, others among them or not. Default false. */
  ordered: z.boolean().optional(),
})
type Options = z.infer<typeof Options>

/** The table has these columns of these types. */
export const schemaCheck: CheckKind<Options> = {
  kind: 'schema',
  options: standardSchema(Options),
  // A column that is not there is what the check finds, and no reason not to run.
  columns: () => [],
  describe: ({ columns, exact }) =>
    `${exact ? 'exactly ' : ''}${Object.keys(columns).length} columns: ${Object.entries(columns)
      .slice(0, 8)
      .map(([name, type]) => `${name} ${type}`)
      .join(', ')}${Object.keys(columns).length > 8 ? ', …' : ''}`,
  compile: (options, context) => {
    const problems = differences(options, context.columns)
    const failedCount = problems.length
    return {
      type: 'known',
      finding: {
        passed: failedCount === 0,
        failedCount,
        ...(failedCount > 0 && { observed: problems.join('; ') }),
      },
    }
  },
}

function differences({ columns, exact, ordered }: Options, found: CheckContext['columns']): string[] {
  const types = new Map(found.map(({ name, type }) => [name, typeText(type)]))
  const wanted = Object.entries(columns)
  const problems = wanted.flatMap(([name, type]) => {
    const actual = types.get(name)
    if (actual === undefined) return [`${name} is missing`]
    return type === 'any' || plain(type) === plain(actual) ? [] : [`${name} is ${actual}, not ${type}`]
  })
  if (exact) problems.push(...found.filter(({ name }) => !(name in columns)).map(({ name }) => `${name} is unexpected`))
  const order = [...types.keys()].filter((name) => name in columns)
  const inOrder = wanted.map(([name]) => name).filter((name) => types.has(name))
  if (ordered && order.join('\0') !== inOrder.join('\0')) problems.push(`the order is ${order.join(', ')}`)
  return problems
}

/** Nested types by what they are: `struct`, `list` or `map`. */
function typeText(type: unknown): string {
  return typeof type === 'string' ? type : String((type as { readonly type?: unknown } | null)?.type)
}

function plain(type: string): string {
  return type.toLowerCase().replaceAll(/\s+/g, '')
}
