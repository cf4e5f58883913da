import { PhloError } from '@phlo/ports'
import { type Token, tokens } from '../sql-tokens.js'

/** Where a statement says at which version or time a table is meant. */
export interface AtClause {
  readonly unit: 'VERSION' | 'TIMESTAMP'
  /** The expression behind the arrow. */
  readonly expression: string
  /** From `AT` to behind its parenthesis. */
  readonly start: number
  readonly end: number
}

/** Finds the AT of a table that DuckDB has parsed one for. `start` is where the table's name begins. */
export function findAtClause(sql: string, start: number): AtClause {
  let at: Token | undefined
  let unit: string | undefined
  let expression: number | undefined
  let previous: Token | undefined
  let depth = 0
  for (const token of tokens(sql.slice(start))) {
    const { kind, value } = token
    if (depth === 0) {
      if (kind === 'symbol' && value === '(' && at) depth = 1
      else at = kind === 'word' && value === 'AT' ? token : undefined
      continue
    }
    if (kind === 'symbol' && value === '(') depth++
    if (kind === 'symbol' && value === ')') depth--
    if (depth === 0 && at && unit !== undefined && expression !== undefined) {
      return {
        unit: unit === 'VERSION' ? 'VERSION' : 'TIMESTAMP',
        expression: sql.slice(expression, start + token.start),
        start: start + at.start,
        end: start + token.end,
      }
    }
    if (previous?.value === '=' && kind === 'symbol' && value === '>') expression ??= start + token.end
    unit ??= value
    previous = token
  }
  throw new PhloError('PHLO_INTERNAL', 'An AT that DuckDB has parsed is not in the statement')
}

/** A table of a statement whose state was found: its place, and what takes the place of its first name. */
export interface ReplacedState {
  /** Where the table's first name begins: its namespace's, or a function's. */
  readonly start: number
  /** The AT, or the function's arguments. */
  readonly clause: Pick<AtClause, 'start' | 'end'>
  readonly name: string
}

/** The statement without its states, as many bytes and lines long, so that errors are still told where they are. */
export function withoutStates(sql: string, replaced: readonly ReplacedState[]): string {
  let text = sql
  for (const { start, clause, name } of [...replaced].sort((a, b) => b.start - a.start)) {
    const [first] = tokens(text.slice(start))
    if (!first) continue
    const gone = text.slice(clause.start, clause.end)
    const blank = gone.replace(/[^\n]/gu, (char) => ' '.repeat(Buffer.byteLength(char)))
    const grown = Buffer.byteLength(name) - Buffer.byteLength(text.slice(start, start + first.end))
    const spaces = grown > 0 ? blank.replace(new RegExp(` {${grown}}`), '') : `${blank}${' '.repeat(-grown)}`
    text = text.slice(0, start) + name + text.slice(start + first.end, clause.start) + spaces + text.slice(clause.end)
  }
  return text
}
