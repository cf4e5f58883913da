/** A request as it goes out, but for what shows who asks. */
export interface Request {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** A server's answer, read to its end. */
export interface Answer {
  readonly status: number
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** Sends a request and gives the answer that counts. Throws PHLO_SOURCE_FAILED. */
export type Send = (request: Request, signal: AbortSignal) => Promise<Answer>

/** A request in messages: queries may hold secrets, and are left out. */
export function requestName({ method, url }: Pick<Request, 'method' | 'url'>): string {
  return `${method} ${url.origin}${url.pathname}`
}
