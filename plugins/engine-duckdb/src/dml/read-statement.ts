import { PhloError } from '@phlo/ports'
import type { Token } from '../sql-tokens.js'
import type { ChangeStatement, Span } from './change-statement.js'
import { readAlter, readComment } from './read-alter.js'
import { readCreate } from './read-create.js'
import { readMerge } from './read-merge.js'
import { onlyTables, readAssignments, readValue } from './read-parts.js'
import { type Boundary, isSymbol, isWord, TokenReader } from './token-reader.js'

/**
 * Takes a statement that changes one table apart; `undefined` for one that is none, such as a SELECT. The spans of a
 * result are only known to be balanced: whoever runs them has DuckDB parse each by itself first.
 * Throws PHLO_SQL_INVALID, PHLO_SQL_FORBIDDEN and PHLO_UNSUPPORTED with line and column.
 */
export function readChangeStatement(sql: string): ChangeStatement | undefined {
  const reader = new TokenReader(sql)
  const common = reader.sees('WITH') ? readWith(reader) : undefined
  const read = readers[reader.peek()?.value ?? '']
  if (!read || reader.peek()?.kind !== 'word') return undefined
  const statement = read(reader)
  reader.expectEnd()
  const { kind } = statement
  if (!common || (kind !== 'insert' && kind !== 'update' && kind !== 'delete' && kind !== 'merge')) return statement
  return { ...statement, with: common }
}

/** WITH and its tables, up to the statement that they are for. */
function readWith(reader: TokenReader): Span {
  return reader.piece('common tables', (token, before) => isSymbol(before, ')') && isWord(token, ...withCommonTables))
}

const withCommonTables = ['INSERT', 'UPDATE', 'DELETE', 'MERGE']

/** The rows of a VALUES list; a value that is DEFAULT is `undefined`. Throws PHLO_SQL_INVALID for anything else. */
export function readValues(sql: string, span: Span): (Span | undefined)[][] {
  const reader = new TokenReader(sql, span)
  reader.expect('VALUES')
  const rows: (Span | undefined)[][] = []
  do rows.push(reader.list(() => readValue(reader, (token) => isSymbol(token, ','))))
  while (reader.takesSymbol(','))
  reader.expectEnd()
  return rows
}

const readers: Readonly<Record<string, (reader: TokenReader) => ChangeStatement>> = {
  INSERT: readInsert,
  CREATE: readCreate,
  UPDATE: readUpdate,
  DELETE: readDelete,
  MERGE: readMerge,
  TRUNCATE: readTruncate,
  DROP: readDrop,
  ALTER: readAlter,
  COMMENT: readComment,
}

function readInsert(reader: TokenReader): ChangeStatement {
  reader.expect('INSERT')
  if (reader.sees('OR')) throw noConflict(reader, reader.peek() as Token)
  reader.expect('INTO')
  const target = reader.target('VALUES', 'SELECT', 'WITH', 'FROM', 'TABLE', 'DEFAULT', 'BY', 'ON', 'RETURNING')
  const columns = reader.seesNames() ? reader.names('a column') : undefined
  const byName = reader.takes('BY', 'NAME')
  if (byName && columns) throw reader.invalid('BY NAME takes no list of columns', target.span)
  if (!byName) reader.takes('BY', 'POSITION')
  if (reader.takes('DEFAULT', 'VALUES')) {
    refuseTail(reader)
    return { kind: 'insert', target, columns, byName, query: undefined }
  }
  const query = reader.piece('VALUES or a SELECT', queryEnd(reader))
  refuseTail(reader)
  return { kind: 'insert', target, columns, byName, query }
}

/** ON CONFLICT or RETURNING ends a query; ON of a join does not. */
function queryEnd(reader: TokenReader): Boundary {
  return (token) => isWord(token, 'RETURNING') || (isWord(token, 'ON') && isWord(reader.peek(1), 'CONFLICT'))
}

function refuseTail(reader: TokenReader): void {
  const token = reader.peek()
  if (isWord(token, 'ON')) throw noConflict(reader, token as Token)
  if (isWord(token, 'RETURNING'))
    throw reader.unsupported('RETURNING is not supported', token as Token, 'Query the table after the statement.')
}

function noConflict(reader: TokenReader, token: Token): PhloError {
  return reader.unsupported('Tables have no unique keys to be in conflict with', token, 'Use MERGE INTO.')
}

function readUpdate(reader: TokenReader): ChangeStatement {
  reader.expect('UPDATE')
  const target = reader.target('SET')
  reader.expect('SET')
  const end: Boundary = (token, before) =>
    isWord(token, 'WHERE', 'RETURNING') || (isWord(token, 'FROM') && !isWord(before, 'DISTINCT'))
  const assignments = readAssignments(reader, end)
  const from = reader.takes('FROM')
    ? reader.piece('a table', (token) => isWord(token, 'WHERE', 'RETURNING'))
    : undefined
  const where = readWhere(reader)
  return { kind: 'update', target, assignments, from, where }
}

function readWhere(reader: TokenReader): Span | undefined {
  const where = reader.takes('WHERE') ? reader.piece('a condition', (token) => isWord(token, 'RETURNING')) : undefined
  refuseTail(reader)
  return where
}

function readDelete(reader: TokenReader): ChangeStatement {
  reader.expect('DELETE', 'FROM')
  const target = reader.target('USING', 'WHERE', 'RETURNING')
  const using = reader.takes('USING')
    ? reader.piece('a table', (token) => isWord(token, 'WHERE', 'RETURNING'))
    : undefined
  return { kind: 'delete', target, using, where: readWhere(reader) }
}

function readTruncate(reader: TokenReader): ChangeStatement {
  reader.expect('TRUNCATE')
  reader.takes('TABLE')
  return { kind: 'truncate', target: reader.tableName() }
}

function readDrop(reader: TokenReader): ChangeStatement {
  reader.expect('DROP')
  if (!reader.sees('TABLE')) throw onlyTables(reader)
  reader.expect('TABLE')
  const ifExists = reader.takes('IF', 'EXISTS')
  const target = reader.tableName()
  if (!reader.takes('CASCADE')) reader.takes('RESTRICT')
  return { kind: 'drop', target, ifExists }
}
