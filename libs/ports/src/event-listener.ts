import { defineManyPort } from './port.js'

/** An event as listeners get it: the run, the kind, and its data as JSON. */
export interface PublishedEvent {
  readonly runId: string
  readonly seq: number
  readonly time: number
  readonly type: string
  readonly data: unknown
}

/**
 * Hears every event of every run, in order. A listener that throws does not disturb the run; its error becomes an event
 * of type `listener-failed`.
 */
export interface EventListener {
  readonly name: string
  onEvent(event: PublishedEvent): Promise<void> | void
}

export const EventListenerPort = defineManyPort<EventListener>('EventListener')
