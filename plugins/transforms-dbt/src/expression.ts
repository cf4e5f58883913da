/** A value that can be written down in a template or in YAML. */
export type Literal = string | number | boolean | null | readonly Literal[] | { readonly [key: string]: Literal }

/** A literal as text; nested ones as JSON. */
export function literalText(literal: Literal | undefined): string {
  return typeof literal === 'object' ? JSON.stringify(literal) : String(literal)
}

/** `name(positional, key=value)`. */
export interface Call {
  readonly name: string
  readonly positional: readonly Literal[]
  readonly named: Readonly<Record<string, Literal>>
}

/** Reads a call with literal arguments; `undefined` for anything else. */
export function parseCall(text: string): Call | undefined {
  const reader = new Reader(text)
  try {
    const name = reader.name()
    reader.expect('(')
    const positional: Literal[] = []
    const named: Record<string, Literal> = {}
    while (!reader.accept(')')) {
      const key = reader.keyword()
      if (key === undefined) positional.push(reader.literal())
      else named[key] = reader.literal()
      if (!reader.accept(',')) {
        reader.expect(')')
        break
      }
    }
    reader.end()
    return { name, positional, named }
  } catch (error) {
    if (error instanceof NotSupported) return undefined
    throw error
  }
}

class NotSupported extends Error {}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\', "'": "'", '"': '"' }

class Reader {
  private position = 0
  private readonly text: string

  constructor(text: string) {
    this.text = text
  }

  private match(pattern: RegExp): RegExpExecArray | undefined {
    const sticky = new RegExp(pattern.source, 'y')
    sticky.lastIndex = this.position
    const found = sticky.exec(this.text)
    if (found) this.position = sticky.lastIndex
    return found ?? undefined
  }

  private spaces(): void {
    this.match(/\s*/)
  }

  name(): string {
    this.spaces()
    const found = this.match(/[A-Za-z_]\w*/)
    if (!found) throw new NotSupported()
    return found[0]
  }

  /** `key=` before a value, but not `key==`. */
  keyword(): string | undefined {
    this.spaces()
    return this.match(/([A-Za-z_]\w*)\s*=(?!=)/)?.[1]
  }

  accept(char: string): boolean {
    this.spaces()
    if (this.text[this.position] !== char) return false
    this.position++
    return true
  }

  expect(char: string): void {
    if (!this.accept(char)) throw new NotSupported()
  }

  end(): void {
    this.spaces()
    if (this.position < this.text.length) throw new NotSupported()
  }

  literal(): Literal {
    this.spaces()
    const quoted = this.match(/'((?:[^'\\]|\\[^])*)'|"((?:[^"\\]|\\[^])*)"/)
    if (quoted) return (quoted[1] ?? quoted[2] ?? '').replace(/\\([^])/g, (all, char: string) => escapes[char] ?? all)
    const number = this.match(/-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/)
    if (number) return Number(number[0])
    if (this.accept('[')) return this.items(']', () => this.literal())
    if (this.accept('{')) {
      return Object.fromEntries(
        this.items('}', () => {
          const key = this.literal()
          this.expect(':')
          return [literalText(key), this.literal()] as const
        }),
      )
    }
    const word = this.match(/[A-Za-z_]\w*/)?.[0].toLowerCase()
    if (word === 'true' || word === 'false') return word === 'true'
    if (word === 'none' || word === 'null') return null
    throw new NotSupported()
  }

  private items<T>(close: string, item: () => T): T[] {
    const items: T[] = []
    while (!this.accept(close)) {
      items.push(item())
      if (!this.accept(',')) {
        this.expect(close)
        break
      }
    }
    return items
  }
}
