import type { ChangeStatement, TableAlteration } from './change-statement.js'
import { readColumnOptions, readPartitioning, readSortOrder } from './read-create.js'
import { onlyTables, readKey, readProperties, readText, readValue } from './read-parts.js'
import { isWord, type TokenReader } from './token-reader.js'

/** ALTER TABLE with one change. */
export function readAlter(reader: TokenReader): ChangeStatement {
  reader.expect('ALTER')
  if (!reader.sees('TABLE')) throw onlyTables(reader)
  reader.expect('TABLE')
  const ifExists = reader.takes('IF', 'EXISTS')
  const target = reader.tableName()
  return { kind: 'alter', target, ifExists, alteration: readAlteration(reader) }
}

function readAlteration(reader: TokenReader): TableAlteration {
  if (reader.takes('ADD')) {
    reader.takes('COLUMN')
    const ifNotExists = reader.takes('IF', 'NOT', 'EXISTS')
    return { kind: 'add-column', ifNotExists, at: reader.path('a column'), ...readColumnOptions(reader) }
  }
  if (reader.takes('DROP')) {
    reader.takes('COLUMN')
    const ifExists = reader.takes('IF', 'EXISTS')
    const at = reader.path('a column')
    if (!reader.takes('CASCADE')) reader.takes('RESTRICT')
    return { kind: 'drop-column', ifExists, at }
  }
  const start = reader.peek()
  if (reader.takes('RENAME')) {
    if (start && reader.sees('TO')) throw reader.unsupported('Tables cannot be renamed here', start)
    reader.takes('COLUMN')
    const at = reader.path('a column')
    reader.expect('TO')
    return { kind: 'rename-column', at, name: reader.name('a name').name }
  }
  if (reader.takes('SET', 'PARTITIONED', 'BY')) return { kind: 'set-partitioning', by: readPartitioning(reader) }
  if (reader.takes('RESET', 'PARTITIONED', 'BY')) return { kind: 'set-partitioning', by: [] }
  if (reader.takes('SET', 'SORTED', 'BY')) return { kind: 'set-sort-order', by: readSortOrder(reader) }
  if (reader.takes('RESET', 'SORTED', 'BY')) return { kind: 'set-sort-order', by: [] }
  if (reader.takes('SET')) return { kind: 'set-properties', properties: readProperties(reader) }
  if (reader.takes('RESET')) return { kind: 'remove-properties', names: reader.list(() => readKey(reader)) }
  reader.expect('ALTER')
  reader.takes('COLUMN')
  return readColumnAlteration(reader)
}

function readColumnAlteration(reader: TokenReader): TableAlteration {
  const at = reader.path('a column')
  if (reader.takes('SET', 'NOT', 'NULL')) return { kind: 'set-required', at, required: true }
  if (reader.takes('DROP', 'NOT', 'NULL')) return { kind: 'set-required', at, required: false }
  if (reader.takes('DROP', 'DEFAULT')) return { kind: 'set-default', at, value: undefined }
  if (reader.takes('SET', 'DEFAULT')) return { kind: 'set-default', at, value: readValue(reader, () => false) }
  reader.takes('SET', 'DATA')
  reader.expect('TYPE')
  const type = reader.piece('a type', (token) => isWord(token, 'USING', 'COLLATE'))
  const rest = reader.peek()
  if (rest && isWord(rest, 'USING', 'COLLATE'))
    throw reader.unsupported('A column’s type can only be widened, without a new expression', rest)
  return { kind: 'set-type', at, type }
}

/** COMMENT ON TABLE or COLUMN. */
export function readComment(reader: TokenReader): ChangeStatement {
  reader.expect('COMMENT', 'ON')
  if (reader.takes('TABLE')) {
    const target = reader.tableName()
    reader.expect('IS')
    return alter(target, { kind: 'set-doc', at: undefined, doc: readDoc(reader) })
  }
  if (!reader.takes('COLUMN')) throw onlyTables(reader)
  const { path, span } = reader.path('a column')
  const [namespace, name, ...column] = path
  if (namespace === undefined || name === undefined || column.length === 0)
    throw reader.invalid('Columns are named namespace.table.column here', span)
  reader.expect('IS')
  const target = { table: { namespace: [namespace], name }, span }
  return alter(target, { kind: 'set-doc', at: { path: column, span }, doc: readDoc(reader) })
}

function alter(target: Extract<ChangeStatement, { kind: 'alter' }>['target'], alteration: TableAlteration) {
  return { kind: 'alter' as const, target, ifExists: false, alteration }
}

function readDoc(reader: TokenReader): string | undefined {
  return reader.takes('NULL') ? undefined : readText(reader)
}
