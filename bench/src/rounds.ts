/** What one run of a participant took. */
export interface Sample {
  /** Of the whole process, from its start to its end. */
  readonly seconds: number
  /** Seconds of parts of it, by what they are. */
  readonly parts: Readonly<Record<string, number>>
  /** Most memory that the process held at once; absent where the system does not tell. */
  readonly peakBytes?: number
  /** What all its threads computed for; absent where the system does not tell. */
  readonly cpuSeconds?: number
}

/** Somebody who does the work of a case. */
export interface Participant {
  readonly name: string
  /** What it does, for people. */
  readonly what: string
  /** Before each run, not measured. */
  readonly prepare: () => Promise<void>
  readonly run: () => Promise<Sample>
  /** After each run, not measured: throws when the result is not the right one. */
  readonly verify: () => Promise<void>
  /** After each run, not measured: takes away what the run wrote. */
  readonly clean: () => Promise<void>
}

/**
 * Runs everybody once a round. Each round starts with another one, so that nobody always has the caches that the same
 * neighbour left, and a machine that gets slower or faster gets so for all.
 */
export async function inRounds(
  participants: readonly Participant[],
  rounds: number,
  settle: () => Promise<void>,
  report: (line: string) => void,
): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(participants.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const participant of rotated(participants, round)) {
      await participant.prepare()
      await settle()
      const sample = await participant.run()
      await participant.verify()
      await participant.clean()
      samples.get(participant.name)?.push(sample)
      report(`round ${round + 1} of ${rounds}: ${participant.name} ${sample.seconds.toFixed(2)} s`)
    }
  }
  return samples
}

/** The same order, started `by` places later. */
export function rotated<T>(items: readonly T[], by: number): T[] {
  const start = items.length === 0 ? 0 : by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}
