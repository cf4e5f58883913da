import type { EventListener, StateStore } from '@phlo/ports'
import { errorInfo } from './error-info.js'
import type { RunEvent } from './run-events.js'

/** Numbers a run's events, keeps them, and hands them to listeners, one after the other. */
export class RunJournal {
  private readonly runId: string
  private readonly state: StateStore
  private readonly listeners: readonly EventListener[]
  private seq = 0
  private tail: Promise<void> = Promise.resolve()

  constructor(runId: string, state: StateStore, listeners: readonly EventListener[]) {
    this.runId = runId
    this.state = state
    this.listeners = listeners
  }

  /** Takes the event; {@link settled} tells when it is kept and heard. */
  record(event: RunEvent): void {
    const time = Date.now()
    this.tail = this.tail.then(async () => {
      const numbered = { seq: ++this.seq, time }
      const { type, ...data } = event
      // Progress is for those who watch; it is not worth keeping.
      if (type !== 'step-progress') await this.state.appendEvents(this.runId, [{ ...numbered, type, data }])
      for (const listener of this.listeners) {
        try {
          await listener.onEvent({ runId: this.runId, ...numbered, type, data })
        } catch (error) {
          await this.listenerFailed(listener, error)
        }
      }
    })
    // The failure is thrown by `settled`; here it must only not be unheard.
    this.tail.catch(() => undefined)
  }

  /** Resolves when every event so far is kept and heard. Throws when the state store failed. */
  async settled(): Promise<void> {
    await this.tail
  }

  /** Other listeners hear of it, the failing one does not. */
  private async listenerFailed(failing: EventListener, error: unknown): Promise<void> {
    const data = { listener: failing.name, error: errorInfo(error) }
    const numbered = { seq: ++this.seq, time: Date.now() }
    await this.state.appendEvents(this.runId, [{ ...numbered, type: 'listener-failed', data }])
    for (const listener of this.listeners) {
      if (listener === failing) continue
      try {
        await listener.onEvent({ runId: this.runId, ...numbered, type: 'listener-failed', data })
      } catch {
        // A second failure would only repeat what is recorded already.
      }
    }
  }
}
