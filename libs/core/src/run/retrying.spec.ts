import { describe, expect, it } from '@jest/globals'
import { PhloError } from '@phlo/ports'
import { inParallel } from './in-parallel.js'
import { retrying, withTimeout } from './retrying.js'

const policy = { attempts: 4, delay: 1000, maxDelay: 3000 }
const down = () => new PhloError('PHLO_SOURCE_FAILED', 'down')

async function attempt(failures: readonly (Error | undefined)[], signal = new AbortController().signal) {
  const slept: number[] = []
  let calls = 0
  const result = await retrying(
    async () => {
      const failure = failures[calls++]
      if (failure !== undefined) throw failure
      return 'done'
    },
    {
      policy,
      signal,
      clock: { sleep: async (delay) => void slept.push(delay), random: () => 1 },
      onRetry: () => undefined,
    },
  ).catch((error: unknown) => error)
  return { result, slept, calls }
}

describe('work that fails', () => {
  it('is done again after longer and longer', async () => {
    expect(await attempt([down(), down(), down()])).toEqual({ result: 'done', slept: [1000, 2000, 3000], calls: 4 })
  })

  it('fails for good after the last attempt', async () => {
    const failures = [1, 2, 3, 4, 5].map(down)
    expect(await attempt(failures)).toEqual({ result: failures[3], slept: [1000, 2000, 3000], calls: 4 })
  })

  it('is not done again when it would fail in the same way, or nobody wants it any more', async () => {
    const wrong = new PhloError('PHLO_SCHEMA_COLUMN_MISSING', 'no id')
    expect(await attempt([wrong])).toEqual({ result: wrong, slept: [], calls: 1 })
    const own = new Error('a mistake of ours')
    expect(await attempt([own])).toEqual({ result: own, slept: [], calls: 1 })
    expect(await attempt([down()], AbortSignal.abort())).toMatchObject({ slept: [], calls: 1 })
  })
})

describe('work with a limit of time', () => {
  const stopped = (signal: AbortSignal) =>
    new Promise<never>((_resolve, reject) => {
      const stop = () => reject(new PhloError('PHLO_RUN_CANCELLED', 'stopped'))
      if (signal.aborted) stop()
      signal.addEventListener('abort', stop)
    })

  it('is stopped by its signal, and may be tried again', async () => {
    await expect(withTimeout(1, new AbortController().signal, 'bronze.a', stopped)).rejects.toMatchObject({
      code: 'PHLO_STEP_TIMEOUT',
      retryable: true,
      message: 'bronze.a took longer than 0.001 s',
    })
  })

  it('is cancelled when the run is', async () => {
    await expect(withTimeout(60_000, AbortSignal.abort(), 'bronze.a', stopped)).rejects.toMatchObject({
      code: 'PHLO_RUN_CANCELLED',
    })
  })
})

describe('work on several things at once', () => {
  it('is on no more than are wanted, and on each once', async () => {
    const done: number[] = []
    let [now, most] = [0, 0]
    await inParallel([1, 2, 3, 4, 5, 6], 3, async (item) => {
      most = Math.max(most, ++now)
      await new Promise(setImmediate)
      now--
      done.push(item)
    })
    expect({ done: done.sort(), most }).toEqual({ done: [1, 2, 3, 4, 5, 6], most: 3 })
  })

  it('begins nothing more once something failed, and waits for what was begun', async () => {
    const done: number[] = []
    const work = inParallel([1, 2, 3, 4], 2, async (item) => {
      if (item === 1) throw new Error('one')
      await new Promise(setImmediate)
      done.push(item)
    })
    await expect(work).rejects.toThrow('one')
    expect(done).toEqual([2])
  })
})
