import type { ChangeStatement, MergeAction, MergeClause, Span } from './change-statement.js'
import { readAssignments, readValue } from './read-parts.js'
import { type Boundary, isSymbol, isWord, type TokenReader } from './token-reader.js'

/** MERGE INTO … USING … ON … WHEN …. */
export function readMerge(reader: TokenReader): ChangeStatement {
  reader.expect('MERGE', 'INTO')
  const target = reader.target('USING')
  reader.expect('USING')
  const clause: Boundary = (token) => isWord(token, 'WHEN')
  // Joins within the source have an ON or USING of their own: that of the statement is the last.
  const last = reader.lastBoundary(clause, (token) => isWord(token, 'ON', 'USING'))
  const source = reader.piece('a table', (token) => token.start === last?.start || clause(token, undefined))
  const on = reader.takes('USING') ? reader.names('a column') : readCondition(reader, clause)
  const clauses: MergeClause[] = []
  while (!reader.atEnd && reader.sees('WHEN')) clauses.push(readClause(reader))
  if (clauses.length === 0) throw reader.unexpected('WHEN')
  const returning = reader.peek()
  if (returning && isWord(returning, 'RETURNING'))
    throw reader.unsupported('RETURNING is not supported', returning, 'Query the table after the statement.')
  return { kind: 'merge', target, source, on, clauses }
}

function readCondition(reader: TokenReader, end: Boundary): Span {
  reader.expect('ON')
  return reader.piece('a condition', end)
}

function readClause(reader: TokenReader): MergeClause {
  const span = reader.peek() as Span
  reader.expect('WHEN')
  const matched = !reader.takes('NOT')
  reader.expect('MATCHED')
  let when: MergeClause['when'] = matched ? 'matched' : 'not-matched-by-target'
  if (!matched && reader.takes('BY')) {
    if (reader.takes('SOURCE')) when = 'not-matched-by-source'
    else reader.expect('TARGET')
  }
  const condition = reader.takes('AND') ? reader.piece('a condition', (token) => isWord(token, 'THEN')) : undefined
  reader.expect('THEN')
  return { when, condition, action: readAction(reader, when), span }
}

function readAction(reader: TokenReader, when: MergeClause['when']): MergeAction {
  const start = reader.peek() as Span
  if (reader.takes('DO', 'NOTHING')) return { kind: 'nothing' }
  if (reader.takes('ERROR')) {
    const message = reader.peek()
    if (message && !isWord(message, 'WHEN') && !isSymbol(message, ';'))
      throw reader.unsupported('ERROR takes no message', message)
    return { kind: 'error' }
  }
  if (reader.takes('INSERT')) {
    if (when !== 'not-matched-by-target') throw reader.invalid('Only WHEN NOT MATCHED [BY TARGET] can insert', start)
    return readInsertAction(reader)
  }
  if (when === 'not-matched-by-target' && reader.sees('UPDATE'))
    throw reader.invalid('There is no row to update where none is matched', start)
  if (when === 'not-matched-by-target' && reader.sees('DELETE'))
    throw reader.invalid('There is no row to delete where none is matched', start)
  if (reader.takes('DELETE')) return { kind: 'delete' }
  reader.expect('UPDATE')
  if (!reader.takes('SET')) return byName(reader, when, start)
  if (reader.takesSymbol('*')) return byName(reader, when, start)
  return { kind: 'update', assignments: readAssignments(reader, (token) => isWord(token, 'WHEN', 'RETURNING')) }
}

function byName(reader: TokenReader, when: MergeClause['when'], start: Span): MergeAction {
  reader.takes('BY', 'NAME')
  if (when === 'not-matched-by-source')
    throw reader.invalid('There is no source row to take values from: write UPDATE SET column = value', start)
  return { kind: 'update', assignments: undefined }
}

function readInsertAction(reader: TokenReader): MergeAction {
  if (reader.takesSymbol('*')) {
    reader.takes('BY', 'NAME')
    return { kind: 'insert', columns: undefined, values: undefined }
  }
  if (reader.takes('BY', 'NAME')) {
    reader.takesSymbol('*')
    return { kind: 'insert', columns: undefined, values: undefined }
  }
  if (reader.takes('DEFAULT', 'VALUES')) return { kind: 'insert', columns: [], values: [] }
  const start = reader.peek() as Span
  const columns = reader.seesNames() ? reader.names('a column') : undefined
  if (!reader.takes('VALUES')) {
    if (columns) throw reader.unexpected('VALUES')
    return { kind: 'insert', columns: undefined, values: undefined }
  }
  const values = reader.list(() => readValue(reader, (token) => isSymbol(token, ',')))
  if (columns && columns.length !== values.length)
    throw reader.invalid(`${columns.length} columns are given ${values.length} values`, start)
  return { kind: 'insert', columns, values }
}
