import type { Clock } from './clock.js'

export interface RateLimitOptions {
  readonly requests: number
  /** Milliseconds. */
  readonly per: number
}

/** Lets at most so many requests go in any time of that length; the others wait in their order. */
export class RateLimit {
  private readonly options: RateLimitOptions
  private readonly clock: Clock
  /** When the last ones went, oldest first. */
  private readonly went: number[] = []
  private turn: Promise<void> = Promise.resolve()

  constructor(options: RateLimitOptions, clock: Clock) {
    this.options = options
    this.clock = clock
  }

  /** Resolves when the next request may go. */
  async take(signal: AbortSignal): Promise<void> {
    const mine = this.turn.then(() => this.wait(signal))
    this.turn = mine.catch(() => undefined)
    await mine
  }

  private async wait(signal: AbortSignal): Promise<void> {
    const { requests, per } = this.options
    for (;;) {
      const now = this.clock.now()
      while (this.went.length > 0 && now - (this.went[0] as number) >= per) this.went.shift()
      if (this.went.length < requests) {
        this.went.push(now)
        return
      }
      await this.clock.wait((this.went[0] as number) + per - now, signal)
    }
  }
}
