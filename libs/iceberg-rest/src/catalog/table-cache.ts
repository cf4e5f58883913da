import type { GrantedTable } from './table-answer.js'

/** Characters of answers whose tables are kept: about as much memory as it takes to hold them parsed, doubled. */
const mostCharacters = 64 * 1024 * 1024

interface Entry {
  readonly etag: string
  readonly table: GrantedTable
  readonly characters: number
}

/** Tables as they were loaded last, by the ETag that the server will say to be current or not. */
export class TableCache {
  private readonly entries = new Map<string, Entry>()
  private characters = 0

  get(key: string): Entry | undefined {
    const entry = this.entries.get(key)
    if (entry) {
      this.entries.delete(key)
      this.entries.set(key, entry)
    }
    return entry
  }

  set(key: string, entry: Entry): void {
    this.delete(key)
    if (entry.characters > mostCharacters) return
    this.entries.set(key, entry)
    this.characters += entry.characters
    for (const oldest of this.entries.keys()) {
      if (this.characters <= mostCharacters) break
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    this.characters -= this.entries.get(key)?.characters ?? 0
    this.entries.delete(key)
  }
}
