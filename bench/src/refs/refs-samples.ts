import { judge, type Measure, type Target } from '../case.js'
import { latencyMeasure } from '../latency-measure.js'
import { median } from '../statistics.js'

/** Milliseconds by the name of what took them, round by round. */
export class RefsSamples {
  private readonly rounds = new Map<string, number[][]>()
  private readonly whats = new Map<string, string>()

  startRound(): void {
    for (const rounds of this.rounds.values()) rounds.push([])
  }

  add(name: string, what: string, milliseconds: number): void {
    this.whats.set(name, what)
    const rounds = this.rounds.get(name) ?? [[]]
    this.rounds.set(name, rounds)
    rounds.at(-1)?.push(milliseconds)
  }

  median(name: string): number {
    return median((this.rounds.get(name) ?? []).map(median))
  }

  measures(yardstick: string): Measure[] {
    return [...this.rounds].map(([name, rounds]) =>
      latencyMeasure({ name, what: this.whats.get(name) ?? '' }, rounds, this.median(yardstick)),
    )
  }

  /** At most so many times what another one took. */
  atMost(text: string, name: string, other: string, wanted: number): Target {
    const found = this.median(name) / this.median(other)
    return judge({ text, kind: 'at most', wanted, found, unit: '×' }, true)
  }
}
