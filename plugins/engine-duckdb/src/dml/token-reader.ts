import { PhloError, statementFile, type TableIdentifier } from '@phlo/ports'
import { lineAndColumn } from '../duckdb-errors.js'
import { tableAtRef } from '../reading/table-at-ref.js'
import { type Token, tokens } from '../sql-tokens.js'
import type { ColumnPath, NamedColumn, Span, Target } from './change-statement.js'

/** A token at no depth, before which a piece of text ends. */
export type Boundary = (token: Token, before: Token | undefined) => boolean

const opening: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }
const closing = new Set(Object.values(opening))

/** Reads a statement token by token. What does not fit throws PHLO_SQL_INVALID with line and column. */
export class TokenReader {
  readonly sql: string
  private readonly tokens: readonly Token[]
  private position = 0

  /** `within` is the part of the text that is read. */
  constructor(sql: string, within: Span = { start: 0, end: sql.length }) {
    this.sql = sql
    this.tokens = [...tokens(sql)].filter(({ start, end }) => start >= within.start && end <= within.end)
  }

  peek(ahead = 0): Token | undefined {
    return this.tokens[this.position + ahead]
  }

  get atEnd(): boolean {
    return this.position >= this.tokens.length
  }

  /** Are these words next, one after the other? */
  sees(...words: readonly string[]): boolean {
    return words.every((word, index) => isWord(this.peek(index), word))
  }

  /** Goes over the words when they are next. */
  takes(...words: readonly string[]): boolean {
    if (!this.sees(...words)) return false
    this.position += words.length
    return true
  }

  expect(...words: readonly string[]): void {
    if (!this.takes(...words)) throw this.unexpected(words.join(' '))
  }

  takesSymbol(text: string): boolean {
    if (!isSymbol(this.peek(), text)) return false
    this.position++
    return true
  }

  expectSymbol(text: string): void {
    if (!this.takesSymbol(text)) throw this.unexpected(text)
  }

  /** Goes over a semicolon and asks that nothing follows. */
  expectEnd(): void {
    while (this.takesSymbol(';'));
    const rest = this.peek()
    if (!rest) return
    if (isSymbol(this.tokens[this.position - 1], ';'))
      throw new PhloError('PHLO_SQL_FORBIDDEN', 'One statement is allowed here', this.at(rest))
    throw this.unexpected('the end of the statement')
  }

  /** One name, quoted or not. */
  name(what: string): NamedColumn {
    const token = this.peek()
    if (token?.kind !== 'word' && token?.kind !== 'quoted') throw this.unexpected(what)
    this.position++
    const name = token.kind === 'word' ? this.sql.slice(token.start, token.end) : token.value
    if (name === '') throw this.invalid('A name is empty', token)
    return { name, span: token }
  }

  /** A name of several parts with dots between. */
  path(what: string): ColumnPath {
    const first = this.name(what)
    const path = [first.name]
    let { end } = first.span
    while (this.takesSymbol('.')) {
      const next = this.name('a name')
      path.push(next.name)
      end = next.span.end
    }
    return { path, span: { start: first.span.start, end } }
  }

  /** `namespace.table`. */
  tableName(): { table: TableIdentifier; span: Span } {
    const { path, span } = this.path('the name of a table')
    const [namespace, name, ...more] = path
    if (tableAtRef(path.length === 1 ? '' : (namespace ?? ''), path.at(-1) ?? ''))
      throw this.invalid(
        'table@ref is understood in queries alone',
        span,
        'A change is made on the branch that the statement is run on.',
      )
    if (namespace === undefined || name === undefined || more.length > 0)
      throw this.invalid(
        path.length === 1 ? `There is no table ${path[0] as string}` : `${path.join('.')} is no table’s name`,
        span,
        'Tables are named namespace.table.',
      )
    this.refuseAt()
    return { table: { namespace: [namespace], name }, span }
  }

  /** A past state, which DuckDB lets a query name. */
  private refuseAt(): void {
    const at = this.peek()
    const isAt = isWord(at, 'AT') && isSymbol(this.peek(1), '(') && isWord(this.peek(2), 'VERSION', 'TIMESTAMP')
    if (!at || !isAt || !isSymbol(this.peek(3), '=')) return
    throw this.invalid('AT (…) is understood in queries alone', at, 'A table is changed as it is now.')
  }

  /** A table and the alias behind it, unless that is one of the words that follow a table here. */
  target(...followers: readonly string[]): Target {
    const named = this.tableName()
    if (this.takes('AS')) return { ...named, alias: this.name('an alias').name }
    const next = this.peek()
    const isAlias = next?.kind === 'quoted' || (next?.kind === 'word' && !followers.includes(next.value))
    return isAlias ? { ...named, alias: this.name('an alias').name } : named
  }

  /** Names in parentheses. */
  names(what: string): NamedColumn[] {
    return this.list(() => this.name(what))
  }

  /** Items in parentheses with commas between. */
  list<T>(item: () => T): T[] {
    this.expectSymbol('(')
    const items: T[] = []
    do items.push(item())
    while (this.takesSymbol(','))
    this.expectSymbol(')')
    return items
  }

  /** Is a list of nothing but names next, in parentheses? */
  seesNames(): boolean {
    if (!isSymbol(this.peek(), '(')) return false
    for (let ahead = 1; ; ahead += 2) {
      const name = this.peek(ahead)
      const after = this.peek(ahead + 1)
      if (name?.kind !== 'word' && name?.kind !== 'quoted') return false
      if (isSymbol(after, ')')) return !(ahead === 1 && isWord(name, 'SELECT'))
      if (!isSymbol(after, ',')) return false
    }
  }

  /**
   * What stands before the next boundary outside of parentheses and of CASE … END; a closing parenthesis and a semicolon
   * are always one. It holds something, and its parentheses are closed.
   */
  piece(what: string, boundary: Boundary): Span {
    const first = this.peek()
    const from = this.position
    const open: string[] = []
    for (let token = this.peek(); token; token = this.peek()) {
      const { value } = token
      if (token.kind === 'symbol') {
        const close = opening[value]
        if (open.length === 0 && (closing.has(value) || value === ';')) break
        if (close !== undefined) open.push(close)
        else if (closing.has(value) && open.pop() !== value) throw this.unexpected(what)
      }
      const before = this.position > from ? this.tokens[this.position - 1] : undefined
      // Behind a dot and behind AS, every word is a name.
      const isName = isSymbol(before, '.') || isWord(before, 'AS')
      if (open.length === 0 && !isName && boundary(token, before)) break
      if (isWord(token, 'CASE') && !isName) open.push('END')
      else if (isWord(token, 'END') && !isName && open.at(-1) === 'END') open.pop()
      this.position++
    }
    const last = this.tokens[this.position - 1]
    if (!first || !last || this.position === from || open.length > 0) throw this.unexpected(what)
    return { start: first.start, end: last.end }
  }

  /** Where the last boundary is in what {@link piece} would give, without moving. */
  lastBoundary(end: Boundary, wanted: Boundary): Token | undefined {
    const from = this.position
    let found: Token | undefined
    this.piece('a condition', (token, before) => {
      if (wanted(token, before)) found = token
      return end(token, before)
    })
    this.position = from
    return found
  }

  text({ start, end }: Span): string {
    return this.sql.slice(start, end)
  }

  unexpected(wanted: string): PhloError {
    const token = this.peek()
    return token
      ? this.invalid(`Expected ${wanted}, found ${this.text(token).slice(0, 60)}`, token)
      : this.invalid(`Expected ${wanted}, but the statement ends`, { start: this.sql.length, end: this.sql.length })
  }

  invalid(message: string, span: Span, hint?: string): PhloError {
    return new PhloError('PHLO_SQL_INVALID', message, { ...(hint !== undefined && { hint }), ...this.at(span) })
  }

  unsupported(message: string, span: Span, hint?: string): PhloError {
    return new PhloError('PHLO_UNSUPPORTED', message, { ...(hint !== undefined && { hint }), ...this.at(span) })
  }

  private at({ start }: Span) {
    return { location: { file: statementFile, ...lineAndColumn(this.sql, start) } }
  }
}

export function isWord(token: Token | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'word' && words.includes(token.value)
}

export function isSymbol(token: Token | undefined, text: string): boolean {
  return token?.kind === 'symbol' && token.value === text
}
