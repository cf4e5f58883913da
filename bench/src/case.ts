import type { MachineFacts } from './machine.js'
import type { Workplace } from './workplace.js'

/** What a case may use. */
export interface CaseContext {
  readonly runs: number
  /** The given number, or the case's own. */
  readonly rows: number
  readonly workplace: Workplace
  /** A line about how far it is. */
  readonly report: (line: string) => void
}

export interface BenchCase {
  readonly name: string
  readonly description: string
  /** Rows that the targets are meant for; `undefined` for a case without rows. */
  readonly rows: number | undefined
  /** Whether it needs the peers from PyPI. */
  readonly needsPython: boolean
  readonly run: (context: CaseContext) => Promise<Findings>
}

export type Unit = 's' | 'ms' | 'MiB'

/** One thing that was measured several times. */
export interface Measure {
  readonly name: string
  readonly what: string
  readonly unit: Unit
  readonly median: number
  /** Every run, in the order of the rounds. */
  readonly runs: readonly number[]
  /** The median as a multiple of the case's yardstick, which itself has 1. */
  readonly ratio?: number
  /** Medians of what the whole is made of, or of what was measured beside it. */
  readonly parts: Readonly<Record<string, number>>
}

/** What the project promises, beside what was found. */
export interface Target {
  readonly text: string
  readonly kind: 'at most' | 'at least'
  readonly wanted: number
  readonly found: number
  readonly unit: Unit | '×'
  /** `undefined` when the input was not the one that the target is meant for. */
  readonly met: boolean | undefined
}

export interface Findings {
  /** What the ratios are multiples of. */
  readonly yardstick?: string
  readonly measures: readonly Measure[]
  readonly targets: readonly Target[]
}

/** What is written down of a case. */
export interface CaseRecord extends Findings {
  readonly case: string
  readonly measuredAt: string
  readonly rows?: number
  readonly rounds: number
  readonly machine: MachineFacts
}

/** A target, judged when the input is the one it is meant for. */
export function judge(target: Omit<Target, 'met'>, applies: boolean): Target {
  const met = target.kind === 'at most' ? target.found <= target.wanted : target.found >= target.wanted
  return { ...target, met: applies ? met : undefined }
}
