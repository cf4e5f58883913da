import type { AggregateValues, CheckContext, CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { anomalyOptions, judgeAnomaly } from './anomaly.js'
import { numberOf, primitiveType, requireNumber, standardSchema } from './common.js'

const statistics = [
  'mean',
  'deviation',
  'min',
  'max',
  'median',
  'p05',
  'p25',
  'p75',
  'p95',
  'nulls',
  'distinct',
] as const
type Statistic = (typeof statistics)[number]

const Options = z.strictObject({
  column: z.string(),
  /** What of the column's values is watched. `nulls` is their share; `distinct` and quantiles are estimates. */
  statistics: z.array(z.enum(statistics)).min(1).default(['mean', 'deviation', 'nulls']),
  ...anomalyOptions,
})
type Options = z.infer<typeof Options>

const quantiles: Partial<Record<Statistic, number>> = { median: 0.5, p05: 0.05, p25: 0.25, p75: 0.75, p95: 0.95 }

/** A column's values are spread as they were in the asset's own past. Times count as seconds since 1970. */
export const distributionCheck: CheckKind<Options> = {
  kind: 'distribution',
  options: standardSchema(Options),
  columns: ({ column }) => [column],
  describe: ({ column, statistics }) => `${statistics.join(', ')} of ${column} in line with the past`,
  compile: (options, context) => {
    const name = context.dialect.identifier(options.column)
    const { statistics } = options
    const isAbout = (statistic: Statistic) => statistic === 'nulls' || statistic === 'distinct'
    const value = statistics.every(isAbout) ? name : numeric(options.column, context)
    const select = Object.fromEntries(
      statistics.map((statistic) => [statistic, aggregate(statistic, name, value, context)]),
    )
    return {
      type: 'aggregates',
      select,
      history: options.maxHistory,
      judge: (values, history) =>
        judgeAnomaly(
          Object.fromEntries(statistics.map((statistic) => [statistic, figure(statistic, values)])),
          history,
          options,
        ),
    }
  },
}

function aggregate(statistic: Statistic, name: string, value: string, { dialect }: CheckContext): string {
  const share = quantiles[statistic]
  if (share !== undefined) return dialect.approximateQuantile(value, share)
  switch (statistic) {
    case 'nulls':
      return `count(${name})`
    case 'distinct':
      return dialect.approximateDistinct(name)
    case 'mean':
      return `avg(${value})`
    case 'deviation':
      return `stddev_pop(${value})`
    default:
      return `${statistic}(${value})`
  }
}

function figure(statistic: Statistic, values: AggregateValues): number | undefined {
  const total = numberOf(values, 'total')
  if (statistic === 'nulls') return total === 0 ? undefined : 1 - numberOf(values, statistic) / total
  const value = values[statistic]
  return value === null || value === undefined ? undefined : Number(value)
}

/** The column's values as doubles. Throws PHLO_CHECK_INVALID for what is neither number nor time. */
function numeric(column: string, context: CheckContext): string {
  const type = primitiveType(context, column)
  const name = context.dialect.identifier(column)
  if (/^(date|timestamp(tz)?)$/.test(type)) return context.dialect.epochSeconds(name)
  requireNumber(column, type)
  return `CAST(${name} AS DOUBLE)`
}
