import type { PhloError } from '@phlo/ports'
import type { Assignment, Properties, Span } from './change-statement.js'
import type { Token } from '../sql-tokens.js'
import { type Boundary, isSymbol, isWord, type TokenReader } from './token-reader.js'

/** `c = expression, …` and `(a, b) = (x, y)`. */
export function readAssignments(reader: TokenReader, end: Boundary): Assignment[] {
  const assignments: Assignment[] = []
  const itemEnd: Boundary = (token, before) => isSymbol(token, ',') || end(token, before)
  do {
    if (isSymbol(reader.peek(), '(')) {
      const start = reader.peek() as Token
      const columns = reader.names('a column')
      reader.expectSymbol('=')
      reader.takes('ROW')
      const values = reader.list(() => readValue(reader, (token) => isSymbol(token, ',')))
      if (values.length !== columns.length)
        throw reader.invalid(`${columns.length} columns are set to ${values.length} values`, start)
      columns.forEach((column, index) => assignments.push({ column, value: values[index] }))
      continue
    }
    const column = reader.name('a column')
    reader.expectSymbol('=')
    assignments.push({ column, value: readValue(reader, itemEnd) })
  } while (reader.takesSymbol(','))
  const seen = new Set<string>()
  for (const { column } of assignments) {
    if (seen.has(column.name.toLowerCase())) throw reader.invalid(`${column.name} is set twice`, column.span)
    seen.add(column.name.toLowerCase())
  }
  return assignments
}

/** An expression; `undefined` for DEFAULT. */
export function readValue(reader: TokenReader, end: Boundary): Span | undefined {
  const span = reader.piece('a value', end)
  return /^default$/i.test(reader.text(span)) ? undefined : span
}

/** For CREATE, DROP and the like of what is no table. */
export function onlyTables(reader: TokenReader): PhloError {
  const token = reader.peek()
  return token
    ? reader.unsupported(`Only tables can be changed here, not ${reader.text(token).slice(0, 60)}`, token)
    : reader.unexpected('TABLE')
}

/** A text in quotes. */
export function readText(reader: TokenReader): string {
  const token = reader.peek()
  if (token?.kind !== 'string' || !/^['$]/.test(reader.text(token))) throw reader.unexpected('a text in quotes')
  reader.piece('a text in quotes', (_, before) => before !== undefined)
  return token.value
}

/** A property's key: a text, or names with dots between. */
export function readKey(reader: TokenReader): string {
  return reader.peek()?.kind === 'string' ? readText(reader) : reader.path('a property').path.join('.')
}

/** `('key' = 'value', …)`. */
export function readProperties(reader: TokenReader): Properties {
  const entries = reader.list(() => {
    const key = readKey(reader)
    reader.expectSymbol('=')
    const token = reader.peek()
    if (token?.kind === 'string') return [key, readText(reader)] as const
    if (token?.kind !== 'number' && !isWord(token, 'TRUE', 'FALSE')) throw reader.unexpected('a text in quotes')
    reader.piece('a value', (_, before) => before !== undefined)
    return [key, token?.value.toLowerCase() ?? ''] as const
  })
  return Object.fromEntries(entries)
}
