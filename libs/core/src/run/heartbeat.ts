/** A living run says so this often, in milliseconds. */
const beatEvery = 5_000

/** Says again and again that a run lives, once at a time. */
export class Heartbeat {
  private readonly timer: NodeJS.Timeout
  private underWay: Promise<void> | undefined

  constructor(beat: () => Promise<void>, every = beatEvery) {
    this.timer = setInterval(() => {
      // A missed beat is made up by the next; a store that stays away fails the run's own writes.
      this.underWay ??= beat()
        .catch(() => undefined)
        .finally(() => (this.underWay = undefined))
    }, every)
    this.timer.unref()
  }

  /** Resolves when no beat is under way any more: one that came late would say that an ended run still lives. */
  async stop(): Promise<void> {
    clearInterval(this.timer)
    await this.underWay
  }
}
