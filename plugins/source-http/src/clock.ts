import { pause } from '@phlo/http'

/** Time as the source sees it; tests bring their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  wait(milliseconds: number, signal: AbortSignal): Promise<void>
  /** From 0 to 1. */
  random(): number
}

export const systemClock: Clock = { now: Date.now, wait: pause, random: Math.random }
