/** A living run says so this often, in milliseconds. */
const beatEvery = 5_000

/** Says again and again that a run lives. */
export class Heartbeat {
  private readonly timer: NodeJS.Timeout
  private latest: Promise<void> = Promise.resolve()

  constructor(beat: () => Promise<void>, every = beatEvery) {
    this.timer = setInterval(() => {
      // A missed beat is made up by the next; a store that stays away fails the run's own writes.
      this.latest = this.latest.then(beat).catch(() => undefined)
    }, every)
    this.timer.unref()
  }

  /** Resolves when no beat is under way any more: one that came late would say that an ended run still lives. */
  async stop(): Promise<void> {
    clearInterval(this.timer)
    await this.latest
  }
}
