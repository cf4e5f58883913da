/** What a token of SQL is. Spaces and comments are none. */
export type TokenKind = 'word' | 'quoted' | 'string' | 'number' | 'parameter' | 'symbol'

/** A token and where it stands, as offsets into the text. */
export interface Token {
  readonly kind: TokenKind
  readonly start: number
  readonly end: number
  /** A word in upper case; of a quoted name and a simple string what they stand for; any other token as it is written. */
  readonly value: string
}

const letter = '(?:[A-Za-z_]|(?!\\s)[\\u0080-\\uffff])'
const space = /\s+|--[^\n]*/y
const blockComment = /\/\*/y
const patterns: readonly (readonly [TokenKind, RegExp])[] = [
  ['string', /[eE]'(?:[^'\\]|\\[^]|'')*(?:'|$)/y],
  ['string', /(?:[bBxX]|[uU]&)?'(?:[^']|'')*(?:'|$)/y],
  ['quoted', /"(?:[^"]|"")*(?:"|$)/y],
  ['word', new RegExp(`${letter}(?:${letter}|[0-9$])*`, 'y')],
  ['number', /(?:0[xXbBoO][0-9a-fA-F_]+|(?:\d[\d_]*)?\.?\d[\d_]*(?:[eE][-+]?\d+)?)/y],
  ['parameter', /\$\d+|\$[A-Za-z_]\w*(?!\w*\$)|\?/y],
]
const dollarQuote = new RegExp(`\\$(?:${letter}(?:${letter}|[0-9])*)?\\$`, 'y')
const symbol = /::|:=|[^]/y

/**
 * Takes a text apart as DuckDB's own parser does, as far as quotes, comments and words go. It never fails: what is not
 * closed reaches to the end, for DuckDB to complain about.
 */
export function* tokens(sql: string): Generator<Token> {
  const matchAt = (pattern: RegExp, position: number) => {
    pattern.lastIndex = position
    return pattern.exec(sql)?.[0]
  }
  let start = 0
  scan: while (start < sql.length) {
    const skipped = matchAt(space, start)
    if (skipped !== undefined) {
      start += skipped.length
      continue
    }
    if (matchAt(blockComment, start) !== undefined) {
      start = endOfComment(sql, start)
      continue
    }
    const tag = matchAt(dollarQuote, start)
    if (tag !== undefined) {
      const close = sql.indexOf(tag, start + tag.length)
      const end = close < 0 ? sql.length : close + tag.length
      yield { kind: 'string', start, end, value: sql.slice(start + tag.length, close < 0 ? sql.length : close) }
      start = end
      continue
    }
    for (const [kind, pattern] of patterns) {
      const text = matchAt(pattern, start)
      if (text === undefined || text === '') continue
      yield { kind, start, end: start + text.length, value: meaning(kind, text) }
      start += text.length
      continue scan
    }
    const text = matchAt(symbol, start) as string
    yield { kind: 'symbol', start, end: start + text.length, value: text }
    start += text.length
  }
}

function meaning(kind: TokenKind, text: string): string {
  if (kind === 'word') return text.toUpperCase()
  if (kind === 'quoted') return text.slice(1, -1).replaceAll('""', '"')
  if (kind === 'string' && text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'")
  return text
}

/** The text of the first statement, without the semicolon that ends it and what is behind. */
export function withoutTerminator(sql: string): string {
  for (const { kind, value, start } of tokens(sql)) if (kind === 'symbol' && value === ';') return sql.slice(0, start)
  return sql
}

/** DuckDB's block comments nest. */
function endOfComment(sql: string, start: number): number {
  const mark = /\/\*|\*\//g
  mark.lastIndex = start
  let depth = 0
  for (let match = mark.exec(sql); match; match = mark.exec(sql)) {
    depth += match[0] === '/*' ? 1 : -1
    if (depth === 0) return mark.lastIndex
  }
  return sql.length
}
