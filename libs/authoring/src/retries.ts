import type { RetryPolicy } from '@phlo/core'
import { PhloError } from '@phlo/ports'
import { type Duration, milliseconds } from './durations.js'

/** How a source that fails is tried again. */
export interface RetryOptions {
  /** Tries after the first one. */
  readonly times: number
  /** How long to wait before the second try; twice as long before each further one, and up to half of it less. Default 1s. */
  readonly delay?: Duration
  /** The longest wait. Default 60s. */
  readonly maxDelay?: Duration
}

/** Throws PHLO_WORKFLOW_INVALID for a number of tries that is none. */
export function retryPolicy(options: number | RetryOptions): RetryPolicy {
  const { times, delay = '1s', maxDelay = '60s' } = typeof options === 'number' ? { times: options } : options
  if (!Number.isSafeInteger(times) || times < 0) {
    throw new PhloError('PHLO_WORKFLOW_INVALID', `retries are a whole number of times, not ${JSON.stringify(times)}`)
  }
  return { attempts: times + 1, delay: milliseconds(delay), maxDelay: milliseconds(maxDelay) }
}
