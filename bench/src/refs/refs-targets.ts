import type { Target } from '../case.js'
import { type Operation, operationTexts } from './refs-participant.js'
import type { RefsSamples } from './refs-samples.js'

export const manyWriters = 32
export const manyTables = 100_000

/** At most so many times the limit. */
const wanted: Readonly<Partial<Record<Operation, number>>> = {
  'create-branch': 1.3,
  commit: 2.5,
  'commit-with-metadata': 3.5,
  'fast-forward': 1.5,
  'three-way': 4,
}

/** What the embedded catalog promises beside the least that its storage can do. */
export function limitTargets(samples: RefsSamples, limit: string): Target[] {
  return Object.entries(wanted).map(([operation, most]) =>
    samples.atMost(
      `${operationTexts[operation as Operation]}, as a multiple of the limit`,
      `${operation} phlo`,
      limit,
      most,
    ),
  )
}

/** A catalog's size hardly counts. */
export function sizeTarget(samples: RefsSamples): Target {
  const text = `a commit at ${manyTables.toLocaleString('en-US')} tables, as a multiple of one at 100`
  return samples.atMost(text, `commit-at-${manyTables}`, 'commit-at-100', 1.5)
}

/** Many of a kind (`processes-N`) reach at least the throughput of one. */
export function writersTarget(samples: RefsSamples, kind: string): Target {
  const [all, one] = [kind.replace('N', `${manyWriters}`), kind.replace('N', '1')]
  return samples.atMost(`${all}: time of a commit, as a multiple of ${one}`, all, one, 1)
}
