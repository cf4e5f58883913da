/**
 * Where processes of one machine that have the same store open find each other. It makes work cheaper and is never the
 * truth of anything: whoever serves a topic may be gone at any time, with or without having done what was asked for, and
 * may be one of several.
 *
 * Questions and answers are JSON.
 */
export interface Rendezvous {
  /** Whoever serves the topic, or `undefined`. */
  find(topic: string): Promise<RendezvousPeer | undefined>

  /**
   * Serves the topic until nobody has asked for a while, or another one took the topic over. Resolves to `undefined` where
   * that is not possible. Does not keep the process running.
   */
  serve(topic: string, answer: (question: unknown) => Promise<unknown>): Promise<RendezvousService | undefined>
}

export interface RendezvousPeer {
  /** The answer, or `undefined` when none came: the peer is gone or too busy, and may or may not have done it. */
  ask(question: unknown): Promise<unknown>
}

export interface RendezvousService {
  /** Whether whoever looks for the topic finds this one. */
  isFound(): boolean

  /** Answers what was asked, and nobody else. */
  close(): void
}
