import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { errorMessage, PhloError, type SourceLocation } from '@phlo/ports'
import { isNode, LineCounter, parseDocument, type Document } from 'yaml'

/** A YAML file of a dbt project that knows where its values stand. */
export class YamlFile {
  readonly file: string
  private readonly document: Document
  private readonly lines: LineCounter

  private constructor(file: string, document: Document, lines: LineCounter) {
    this.file = file
    this.document = document
    this.lines = lines
  }

  /** Throws PHLO_CONFIG_INVALID, with line and column for text that is no YAML. */
  static async read(file: string): Promise<YamlFile> {
    const lines = new LineCounter()
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw new PhloError('PHLO_CONFIG_INVALID', `${path.basename(file)} cannot be read: ${errorMessage(error)}`, {
        location: { file },
        cause: error,
      })
    })
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
    const [error] = document.errors
    if (error) {
      const { line, col } = lines.linePos(error.pos[0])
      throw new PhloError('PHLO_CONFIG_INVALID', `${error.message} (YAML)`, {
        location: { file, line, column: col },
        cause: error,
      })
    }
    return new YamlFile(file, document, lines)
  }

  toValue(): unknown {
    return this.document.toJS({ maxAliasCount: 100 }) as unknown
  }

  locate(at: readonly (string | number)[]): SourceLocation {
    for (let length = at.length; length > 0; length--) {
      const node = this.document.getIn(at.slice(0, length), true)
      if (isNode(node) && node.range) {
        const { line, col } = this.lines.linePos(node.range[0])
        return { file: this.file, line, column: col }
      }
    }
    return { file: this.file, line: 1, column: 1 }
  }
}
