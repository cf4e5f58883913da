/** Shorter values would take ordinary words out of messages. */
const shortest = 4

/** Values that no message, log or error may show. */
export class Secrets {
  private readonly values = new Set<string>()

  add(value: string | undefined): void {
    if (value === undefined || value.length < shortest) return
    this.values.add(value)
    this.values.add(encodeURIComponent(value))
  }

  /** The text with every secret replaced by `***`. */
  redact(text: string): string {
    let result = text
    // Longest first, so that one that is part of another leaves no rest of it.
    for (const value of [...this.values].sort((a, b) => b.length - a.length)) result = result.replaceAll(value, '***')
    return result
  }
}
