import type { CheckFinding, CheckMetrics } from '@phlo/ports'
import { z } from 'zod'

/** How a value is held against those of the past; what checks of that sort share. */
export const anomalyOptions = {
  /** So many standard deviations from the mean of the past are in line. Default 3, unless `quantiles` are given. */
  zScore: z.number().positive().optional(),
  /**
   * Instead: values between these two quantiles of the past are in line, and `reach` times their distance beyond them
   * (default 1.5).
   */
  quantiles: z
    .strictObject({
      low: z.number().min(0).max(1),
      high: z.number().min(0).max(1),
      reach: z.number().min(0).default(1.5),
    })
    .refine(({ low, high }) => low < high, { error: 'low must be below high' })
    .optional(),
  /** With fewer values in the past, any value is in line. Default 5. */
  minHistory: z.int().min(2).default(5),
  /** So many values of the past count, the newest. Default 30. */
  maxHistory: z.int().min(2).max(1000).default(30),
  /** What differs by no more than this share of the past's mean is in line in any case. Default 0. */
  tolerance: z.number().min(0).default(0),
}

type AnomalyOptions = z.infer<z.ZodObject<typeof anomalyOptions>>

/** The values that the past lets one expect; `undefined` when there are too few of them. */
interface Expectation {
  readonly low: number
  readonly high: number
}

function expectation(past: readonly number[], options: AnomalyOptions): Expectation | undefined {
  if (past.length < options.minHistory) return undefined
  const mean = past.reduce((sum, value) => sum + value, 0) / past.length
  const slack = options.tolerance * Math.abs(mean)
  if (options.quantiles) {
    const { low, high, reach } = options.quantiles
    const [from, to] = [quantile(past, low), quantile(past, high)]
    const further = reach * (to - from)
    return { low: Math.min(from - further, mean - slack), high: Math.max(to + further, mean + slack) }
  }
  const variance = past.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (past.length - 1)
  // Figures of the same data may differ in their last digits.
  const reach = Math.max((options.zScore ?? 3) * Math.sqrt(variance), slack, 1e-9 * Math.abs(mean))
  return { low: mean - reach, high: mean + reach }
}

/** Between two of the values where the share falls between them, as NumPy and Excel do it. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const [below, above] = [sorted[Math.floor(at)] as number, sorted[Math.ceil(at)] as number]
  return below + (at - Math.floor(at)) * (above - below)
}

/** Holds figures against the same ones of the past. One that has no value is out of line. */
export function judgeAnomaly(
  figures: Readonly<Record<string, number | undefined>>,
  history: readonly CheckMetrics[],
  options: AnomalyOptions,
): CheckFinding {
  const words: string[] = []
  const metrics: Record<string, number> = {}
  let failedCount = 0
  for (const [name, value] of Object.entries(figures)) {
    if (value === undefined || !Number.isFinite(value)) {
      failedCount++
      words.push(`${name}: there is no value`)
      continue
    }
    metrics[name] = value
    const past = history.map((point) => point[name]).filter((point) => point !== undefined)
    const expected = expectation(past, options)
    if (!expected) {
      words.push(`${name} ${figure(value)} (${past.length} of ${options.minHistory} earlier values yet)`)
      continue
    }
    metrics[`${name}_low`] = expected.low
    metrics[`${name}_high`] = expected.high
    const isInLine = value >= expected.low && value <= expected.high
    if (!isInLine) failedCount++
    const range = `${figure(expected.low)} to ${figure(expected.high)}`
    words.push(`${name} ${figure(value)}, ${isInLine ? 'expected' : 'out of line with'} ${range}`)
  }
  return { passed: failedCount === 0, failedCount, observed: words.join('; '), metrics }
}

function figure(value: number): string {
  return String(Number(value.toPrecision(6)))
}
