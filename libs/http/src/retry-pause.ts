/** Milliseconds: the first pause is at most the least one, each further one at most twice the one before. */
const leastPause = 100
const longestPause = 10_000
/** A server that asks for more patience than this gets the error told instead. */
const longestRetryAfter = 60_000

/**
 * How long to wait before the attempt after number `attempt` (from 0): random up to a limit that doubles, so that
 * clients that failed together don't come back together.
 */
export function backoff(attempt: number, random: () => number = Math.random): number {
  return random() * Math.min(longestPause, leastPause * 2 ** attempt)
}

/**
 * Milliseconds that a `Retry-After` header asks for: seconds, or an HTTP date. `undefined` where there is none that can
 * be read, Infinity where it is longer than anybody waits.
 */
export function retryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  const wanted = /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
  if (Number.isNaN(wanted)) return undefined
  return wanted > longestRetryAfter ? Infinity : Math.max(0, wanted)
}

/** Waits; ends early, rejecting, when the signal is aborted. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, milliseconds)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
