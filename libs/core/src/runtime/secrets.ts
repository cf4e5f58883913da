/** Shorter values would take ordinary words out of messages. */
const shortest = 4
/** What settings such as `TOKEN_CHECK=true` hold is not secret. */
const ordinary = new Set(['true', 'false', 'null', 'none', 'undefined'])

/** Values that no message, log or error may show. */
export class Secrets {
  private readonly values = new Set<string>()

  add(value: string | undefined): void {
    if (value === undefined || value.length < shortest || ordinary.has(value.toLowerCase())) return
    this.values.add(value)
    // As texts of URLs and of JSON have it.
    this.values.add(encodeURIComponent(value))
    this.values.add(JSON.stringify(value).slice(1, -1))
  }

  /** The text with every secret replaced by `***`. */
  redact(text: string): string {
    let result = text
    // Longest first, so that one that is part of another leaves no rest of it.
    for (const value of [...this.values].sort((a, b) => b.length - a.length)) result = result.replaceAll(value, '***')
    return result
  }
}
