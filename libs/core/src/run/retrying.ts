import { isPhloError, PhloError } from '@phlo/ports'

/** How often a step is tried, and how long it waits in between. Milliseconds. */
export interface RetryPolicy {
  /** Tries in all. */
  readonly attempts: number
  /** Before the second try; doubled before each further one. */
  readonly delay: number
  /** Never longer than this. */
  readonly maxDelay: number
}

/** How time passes. */
export interface Clock {
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
  /** From 0 to 1. */
  readonly random: () => number
}

interface Attempts {
  readonly policy: RetryPolicy
  readonly signal: AbortSignal
  readonly clock: Clock
  /** Told before it waits. */
  readonly onRetry: (failure: { readonly attempt: number; readonly delay: number; readonly error: unknown }) => void
}

/**
 * Does work again when it failed by something that may pass: waits longer each time, and not as long as others that failed
 * at the same moment. Work must leave nothing behind when it fails.
 */
export async function retrying<T>(work: () => Promise<T>, attempts: Attempts): Promise<T> {
  const { policy, signal, clock, onRetry } = attempts
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt >= policy.attempts || signal.aborted || !mayPass(error)) throw error
      const longest = Math.min(policy.maxDelay, policy.delay * 2 ** (attempt - 1))
      const delay = Math.round(longest * (0.5 + clock.random() / 2))
      onRetry({ attempt, delay, error })
      await clock.sleep(delay, signal)
    }
  }
}

/** A source that raised an error may not do so the next time; what is declared wrongly stays wrong. */
function mayPass(error: unknown): boolean {
  return isPhloError(error) && (error.retryable || error.code === 'PHLO_SOURCE_FAILED')
}

/**
 * Work that is stopped by its signal after so many milliseconds. Throws PHLO_STEP_TIMEOUT then, once the work has stopped.
 */
export async function withTimeout<T>(
  milliseconds: number | undefined,
  signal: AbortSignal,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (milliseconds === undefined) return work(signal)
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), milliseconds)
  try {
    return await work(AbortSignal.any([signal, timeout.signal]))
  } catch (error) {
    if (!timeout.signal.aborted || signal.aborted) throw error
    throw new PhloError('PHLO_STEP_TIMEOUT', `${what} took longer than ${milliseconds / 1000} s`, {
      hint: 'Give the asset a longer timeout, or find out what its source waits for.',
      retryable: true,
      cause: error,
    })
  } finally {
    clearTimeout(timer)
  }
}
