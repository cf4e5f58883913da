import type { CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { numberOf, standardSchema } from './common.js'
import { describeSource, sourceRelation, SourceRows, toleranceOptions } from './reconciliation.js'

const Options = z.strictObject({
  source: SourceRows,
  /** `parity` (default): as many rows as the source. `at_least`: no fewer. */
  mode: z.enum(['parity', 'at_least']).default('parity'),
  ...toleranceOptions,
})
type Options = z.infer<typeof Options>

/** As many rows as another table or a SELECT has, or no fewer. Reads only how many there are. */
export const reconcileRowsCheck: CheckKind<Options> = {
  kind: 'reconcile_rows',
  options: standardSchema(Options),
  columns: () => [],
  describe: ({ source, mode }) =>
    `${mode === 'parity' ? 'as many' : 'no fewer'} rows ${mode === 'parity' ? 'as' : 'than'} ${describeSource(source)}`,
  compile: ({ source, mode, tolerance = 0, absoluteTolerance = 0 }, { dialect }) => ({
    type: 'aggregates',
    select: {},
    scalars: { source: `SELECT count(*) FROM ${sourceRelation(source, dialect)} AS source_rows` },
    judge: (values) => {
      const [target, expected] = [numberOf(values, 'total'), numberOf(values, 'source')]
      const apart = mode === 'at_least' ? Math.max(0, expected - target) : Math.abs(expected - target)
      const difference = apart === 0 ? 0 : expected === 0 ? 1 : apart / expected
      const passed = apart === 0 || apart <= absoluteTolerance || (expected > 0 && difference <= tolerance)
      return {
        passed,
        failedCount: passed ? 0 : apart,
        totalCount: expected,
        observed: `${target} rows, ${expected} in the source`,
        metrics: { target, source: expected, difference },
      }
    },
  }),
}
