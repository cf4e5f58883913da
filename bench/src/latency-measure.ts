import type { Measure } from './case.js'
import { median, percentile } from './statistics.js'

/** What many short works took, in milliseconds round by round: the median of the rounds' medians. */
export function latencyMeasure(
  { name, what }: Pick<Measure, 'name' | 'what'>,
  rounds: readonly number[][],
  yardstick: number,
): Measure {
  const runs = rounds.map(median)
  return {
    name,
    what,
    unit: 'ms',
    median: median(runs),
    runs,
    ratio: median(runs) / yardstick,
    parts: { '95th percentile, ms': median(rounds.map((milliseconds) => percentile(milliseconds, 95))) },
  }
}
