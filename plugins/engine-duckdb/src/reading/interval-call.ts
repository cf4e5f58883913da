import { parseIdentifier, type TableIdentifier } from '@phlo/ports'
import { tokens } from '../sql-tokens.js'
import type { ExpressionNode, SqlNode } from './syntax-tree.js'

/** Functions in FROM that are about a part of a table's history, and the table about a table that each gives a part of. */
const functions: Readonly<Record<string, 'changes' | 'appends'>> = {
  table_changes: 'changes',
  table_appends: 'appends',
}

/** `table_changes('namespace.table', start, end)` in a statement. */
export interface IntervalCall {
  /** The function, in lower case. */
  readonly name: string
  /** The text of the expressions; without a start, all of the history; without an end, the table as it is now. */
  readonly from?: string
  readonly to?: string
  /** The parentheses, as offsets into the statement. */
  readonly start: number
  readonly end: number
}

export interface TableFunctionNode extends SqlNode {
  readonly function?: {
    readonly function_name: string
    readonly schema?: string
    readonly catalog?: string
    readonly query_location?: number | bigint
    readonly children?: readonly ExpressionNode[]
  }
}

/** The table about a table that a function in FROM gives a part of, by the function's name. */
export function aboutOfFunction({ function: called }: TableFunctionNode): 'changes' | 'appends' | undefined {
  return called?.schema || called?.catalog ? undefined : functions[called?.function_name.toLowerCase() ?? '']
}

/** How such a function is called, for hints. */
export const intervalUsage =
  "Write table_changes('namespace.table', start, end): each a snapshot's id, the name of a branch or tag of the table, or a " +
  'TIMESTAMP; without a start (or with NULL) from the first snapshot on, without an end up to now.'

/**
 * Reads a call that DuckDB has parsed, whose function's name begins at `start`. `undefined` when its arguments are not
 * one table's name, as a constant, and at most two values.
 */
export function readIntervalCall(
  sql: string,
  start: number,
  { function: called }: TableFunctionNode,
): { readonly table: TableIdentifier; readonly call: IntervalCall } | undefined {
  const [name, ...bounds] = called?.children ?? []
  const text = name?.class === 'CONSTANT' ? name.value?.value : undefined
  const table = typeof text === 'string' ? parseIdentifier(text) : undefined
  const named = [name, ...bounds].some((argument) => argument?.alias)
  if (!called || !table || bounds.length > 2 || named) return undefined
  const { open, close, commas } = argumentPlaces(sql, start)
  const [from, to] = bounds.map((_, index) => sql.slice((commas[index] ?? close) + 1, commas[index + 1] ?? close))
  return {
    table,
    call: {
      name: called.function_name.toLowerCase(),
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
      start: open,
      end: close + 1,
    },
  }
}

/** Where the parentheses behind a name stand, and the commas that part its arguments. */
function argumentPlaces(sql: string, start: number) {
  const commas: number[] = []
  let open = start
  let close = sql.length - 1
  let depth = 0
  for (const { kind, value, start: at } of tokens(sql.slice(start))) {
    if (kind !== 'symbol') continue
    if (value === '(' && depth++ === 0) open = start + at
    if (value === '[' || value === '{') depth++
    if (value === ',' && depth === 1) commas.push(start + at)
    if ((value === ')' || value === ']' || value === '}') && --depth === 0) {
      close = start + at
      break
    }
  }
  return { open, close, commas }
}
