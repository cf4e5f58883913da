import { isWord, isSymbol, type TokenReader } from './token-reader.js'
import type { ChangeStatement, ColumnDefinition, SortItem, Span } from './change-statement.js'
import { onlyTables, readProperties, readText, readValue } from './read-parts.js'

/** CREATE TABLE, with columns or AS a SELECT. */
export function readCreate(reader: TokenReader): ChangeStatement {
  reader.expect('CREATE')
  const orReplace = reader.takes('OR', 'REPLACE')
  if (!reader.sees('TABLE')) throw onlyTables(reader)
  reader.expect('TABLE')
  const ifNotExists = reader.takes('IF', 'NOT', 'EXISTS')
  const target = reader.tableName()
  if (orReplace && ifNotExists)
    throw reader.invalid('A table is either replaced or left as it is: OR REPLACE with IF NOT EXISTS', target.span)
  const columns = isSymbol(reader.peek(), '(') ? reader.list(() => readColumn(reader)) : undefined
  const partitionedBy = reader.takes('PARTITIONED', 'BY') ? readPartitioning(reader) : []
  const sortedBy = reader.takes('SORTED', 'BY') ? readSortOrder(reader) : []
  const properties = reader.takes('WITH') ? readProperties(reader) : {}
  const query = reader.takes('AS') ? reader.piece('a SELECT', () => false) : undefined
  if (!columns && !query) throw reader.unexpected('columns or AS')
  if (columns && query)
    throw reader.unsupported('A table takes its columns from the SELECT', target.span, 'Leave the list of columns out.')
  return { kind: 'create', target, orReplace, ifNotExists, columns, partitionedBy, sortedBy, properties, query }
}

/** Columns and transforms in parentheses. */
export function readPartitioning(reader: TokenReader): Span[] {
  return reader.list(() => reader.piece('a column', (token) => isSymbol(token, ',')))
}

/** `(column [ASC | DESC] [NULLS FIRST | NULLS LAST], …)`. */
export function readSortOrder(reader: TokenReader): SortItem[] {
  const end = (token: Parameters<typeof isWord>[0]) => isSymbol(token, ',') || isWord(token, 'ASC', 'DESC', 'NULLS')
  return reader.list(() => {
    const by = reader.piece('a column', end)
    const descending = reader.takes('DESC')
    if (!descending) reader.takes('ASC')
    if (reader.takes('NULLS', 'FIRST')) return { by, descending, nullsFirst: true }
    return reader.takes('NULLS', 'LAST') ? { by, descending, nullsFirst: false } : { by, descending }
  })
}

/** Words that end a column's type. */
const columnOptions = ['NOT', 'NULL', 'DEFAULT', 'COMMENT', 'PRIMARY', 'UNIQUE', 'CHECK', 'REFERENCES', 'CONSTRAINT']

/** A column's type and what is said of it, up to a comma. */
export function readColumnOptions(reader: TokenReader): Omit<ColumnDefinition, 'column'> {
  const end = (token: Parameters<typeof isWord>[0]) => isSymbol(token, ',') || isWord(token, ...columnOptions)
  const type = reader.piece('a type', end)
  let required = false
  let defaultValue: Span | undefined
  let doc: string | undefined
  for (;;) {
    const next = reader.peek()
    if (reader.takes('NOT', 'NULL')) required = true
    else if (reader.takes('NULL')) required = false
    else if (reader.takes('DEFAULT')) defaultValue = readValue(reader, end)
    else if (reader.takes('COMMENT')) doc = readText(reader)
    else if (next && isWord(next, ...columnOptions))
      throw reader.unsupported('Tables know no keys and conditions but NOT NULL', next)
    else break
  }
  return { type, required, ...(defaultValue && { defaultValue }), ...(doc !== undefined && { doc }) }
}

function readColumn(reader: TokenReader): ColumnDefinition {
  const first = reader.peek()
  if (first && isWord(first, 'PRIMARY', 'UNIQUE', 'CHECK', 'FOREIGN', 'CONSTRAINT'))
    throw reader.unsupported('Tables know no keys and conditions but NOT NULL', first)
  return { column: reader.name('a column'), ...readColumnOptions(reader) }
}
