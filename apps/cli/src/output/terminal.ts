import picocolors from 'picocolors'

export interface Stream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Where a command writes, and in which manner. Every text passes the redaction of secrets. */
export class Terminal {
  readonly colors: ReturnType<typeof picocolors.createColors>
  /** A person watches: lines may be drawn over. */
  readonly isInteractive: boolean
  private readonly out: Stream
  private readonly err: Stream
  private redact: (text: string) => string = (text) => text

  constructor(out: Stream, err: Stream, env: Readonly<Record<string, string | undefined>>) {
    this.out = out
    this.err = err
    this.colors = picocolors.createColors(usesColor(out, env))
    this.isInteractive = out.isTTY === true && env['CI'] === undefined && env['TERM'] !== 'dumb'
  }

  /** From now on these secrets are not shown. */
  hide(redact: (text: string) => string): void {
    this.redact = redact
  }

  /** Characters of a line; some terminals do not know, or say 0. */
  get width(): number {
    const { columns = 0 } = this.out
    return columns > 0 ? columns : 100
  }

  /** What the command was asked for. */
  print(text = ''): void {
    this.write(`${text}\n`)
  }

  write(text: string): void {
    this.out.write(this.redact(text))
  }

  /** Bytes as they are, for formats that are no text. */
  writeBytes(bytes: Uint8Array): void {
    this.out.write(bytes as unknown as string)
  }

  /** What is said beside it: hints, warnings, errors. */
  note(text: string): void {
    this.err.write(`${this.redact(text)}\n`)
  }

  json(value: unknown): void {
    this.print(JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)))
  }
}

/** https://no-color.org and https://force-color.org */
function usesColor(stream: Stream, env: Readonly<Record<string, string | undefined>>): boolean {
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false
  if (env['FORCE_COLOR'] !== undefined && env['FORCE_COLOR'] !== '0') return true
  return stream.isTTY === true && env['TERM'] !== 'dumb'
}
