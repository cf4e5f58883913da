import type { CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { anomalyOptions, judgeAnomaly } from './anomaly.js'
import { numberOf, standardSchema } from './common.js'

const Options = z.strictObject(anomalyOptions)
type Options = z.infer<typeof Options>

/** A number of rows in line with the asset's own past. */
export const volumeCheck: CheckKind<Options> = {
  kind: 'volume',
  options: standardSchema(Options),
  columns: () => [],
  describe: () => 'row count in line with its past',
  compile: (options) => ({
    type: 'aggregates',
    select: {},
    history: options.maxHistory,
    judge: (values, history) => judgeAnomaly({ rows: numberOf(values, 'total') }, history, options),
  }),
}
