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
      const age = (at.getTime() - Date.parse(/Z$|^\d{4}-\d{2}-\d{2}$/.test(newest) ? newest : `${newest}Z`)) / 3_600_000
      const passed = age <= maxAge
      return { passed, failedCount: passed ? 0 : 1, observed: `newest ${newest}, ${age.toFixed(1)} h old` }
    },
  }),
}
