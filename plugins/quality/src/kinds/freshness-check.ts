import type { CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { standardSchema } from './common.js'

const Options = z.strictObject({
  column: z.string(),
  /** Hours. */
  maxAge: z.number().positive(),
  /** ISO 8601; now when absent. */
  reference: z.iso.datetime({ offset: true }).optional(),
})
type Options = z.infer<typeof Options>

/** The youngest row is no older than so many hours. An empty table is not fresh. Times without a zone are UTC. */
export const freshnessCheck: CheckKind<Options> = {
  kind: 'freshness',
  options: standardSchema(Options),
  columns: ({ column }) => [column],
  describe: ({ column, maxAge }) => `newest ${column} at most ${maxAge} h old`,
  compile: ({ column, maxAge, reference }, { dialect, now }) => ({
    type: 'aggregates',
    select: { newest: `max(${dialect.identifier(column)})` },
    judge: ({ newest }) => {
      const at = reference === undefined ? now : new Date(reference)
      if (typeof newest !== 'string') return { passed: false, failedCount: 1, observed: 'no row has a time' }
      const time = timeOf(newest)
      if (Number.isNaN(time)) return { passed: false, failedCount: 1, observed: `newest ${newest}, which is no time` }
      const age = (at.getTime() - time) / 3_600_000
      const passed = age <= maxAge
      return { passed, failedCount: passed ? 0 : 1, observed: `newest ${newest}, ${age.toFixed(1)} h old` }
    },
  }),
}

/** Milliseconds since 1970 of an ISO 8601 text; without an offset it is UTC. */
function timeOf(text: string): number {
  const hasOffset = /(Z|[+-]\d{2}:?\d{2})$/i.test(text)
  return Date.parse(hasOffset || /^\d{4}-\d{2}-\d{2}$/.test(text) ? text : `${text.replace(' ', 'T')}Z`)
}
