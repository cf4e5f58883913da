import { errorMessage, PhloError, type SourceLocation } from '@phlo/ports'
import type { Document, LineCounter } from 'yaml'

/** A parsed YAML file that knows where its values stand. */
export class YamlDocument {
  readonly file: string
  private readonly document: Document
  private readonly lines: LineCounter
  private readonly isNode: (value: unknown) => value is { range?: readonly number[] | null }
  private readonly isPair: (value: unknown) => value is { key: unknown }

  private constructor(
    file: string,
    document: Document,
    lines: LineCounter,
    guards: Pick<typeof import('yaml'), 'isNode' | 'isPair'>,
  ) {
    this.file = file
    this.document = document
    this.lines = lines
    this.isNode = guards.isNode as YamlDocument['isNode']
    this.isPair = guards.isPair as YamlDocument['isPair']
  }

  /** Throws PHLO_CONFIG_INVALID with line and column for text that is no YAML. */
  static async parse(file: string, text: string): Promise<YamlDocument> {
    const yaml = await import('yaml')
    const lines = new yaml.LineCounter()
    const document = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false })
    const [error] = document.errors
    if (error) {
      const { line, col } = lines.linePos(error.pos[0])
      throw new PhloError('PHLO_CONFIG_INVALID', `${error.message} (YAML)`, {
        location: { file, line, column: col },
        cause: error,
      })
    }
    return new YamlDocument(file, document, lines, yaml)
  }

  /** Plain JavaScript values. Throws PHLO_CONFIG_INVALID for aliases that would multiply the document. */
  toValue(): unknown {
    try {
      return this.document.toJS({ maxAliasCount: 100 }) as unknown
    } catch (error) {
      throw new PhloError('PHLO_CONFIG_INVALID', `${errorMessage(error)} (YAML)`, {
        location: { file: this.file, line: 1, column: 1 },
        cause: error,
      })
    }
  }

  /** Where the value of that path stands, or the closest thing above it that does. */
  locate(path: readonly (string | number)[]): SourceLocation {
    for (let length = path.length; length > 0; length--) {
      const location = this.position(this.document.getIn(path.slice(0, length), true))
      if (location) return location
    }
    return { file: this.file, line: 1, column: 1 }
  }

  /** Where a key stands within the mapping of that path. */
  locateKey(path: readonly (string | number)[], key: string): SourceLocation {
    const map = path.length === 0 ? this.document.contents : this.document.getIn(path, true)
    const items = (map as { items?: readonly unknown[] } | null)?.items ?? []
    const pair = items
      .filter(this.isPair)
      .find((item) => String((item.key as { value?: unknown }).value ?? item.key) === key)
    return (pair && this.position(pair.key)) ?? this.locate(path)
  }

  private position(node: unknown): SourceLocation | undefined {
    const offset = this.isNode(node) ? node.range?.[0] : undefined
    if (offset === undefined) return undefined
    const { line, col } = this.lines.linePos(offset)
    return { file: this.file, line, column: col }
  }
}
