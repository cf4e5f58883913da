import type { CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { numberOf, standardSchema } from './common.js'

const Options = z
  .strictObject({ min: z.int().min(0).optional(), max: z.int().min(0).optional() })
  .refine(({ min, max }) => min !== undefined || max !== undefined, { error: 'give min, max or both' })
type Options = z.infer<typeof Options>

/** A number of rows within limits, both inclusive. */
export const countCheck: CheckKind<Options> = {
  kind: 'count',
  options: standardSchema(Options),
  columns: () => [],
  describe: ({ min, max }) => `row count in [${min ?? 0}, ${max ?? '∞'}]`,
  compile: ({ min, max }) => ({
    type: 'aggregates',
    select: { rows: 'count(*)' },
    judge: (values) => {
      const rows = numberOf(values, 'rows')
      const passed = (min === undefined || rows >= min) && (max === undefined || rows <= max)
      // The table as a whole is right or wrong; no row of it is.
      return { passed, failedCount: passed ? 0 : 1, observed: `${rows} rows` }
    },
  }),
}
