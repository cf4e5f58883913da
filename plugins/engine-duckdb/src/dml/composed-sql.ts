import { PhloError, type SqlParameter, statementFile } from '@phlo/ports'
import { literal } from '../duckdb-dialect.js'
import { lineAndColumn, type UserStatement } from '../duckdb-errors.js'
import { tokens } from '../sql-tokens.js'
import type { Span } from './change-statement.js'

/** SQL of Phlo's own, and parts of the user's. */
export type SqlPart = string | Span | readonly SqlPart[]

/** SQL made of parts, that still knows where in the user's text each part stood. */
export interface ComposedSql {
  readonly text: string
  /** For errors: where an offset into `text` lies in the user's own. */
  readonly statement: Omit<UserStatement, 'ran'> & Required<Pick<UserStatement, 'placeOf'>>
}

/** For errors in a longer statement that holds the composed one. */
export function statementWithin(ran: string, { text, statement }: ComposedSql): Omit<UserStatement, 'ran'> {
  const start = ran.indexOf(text)
  return { ...statement, placeOf: (offset) => statement.placeOf(offset - start) }
}

/** Puts parts of a user's statement into statements of Phlo's own. */
export class SqlComposer {
  readonly sql: string
  private readonly params: readonly SqlParameter[]

  constructor(sql: string, params: readonly SqlParameter[] = []) {
    this.sql = sql
    this.params = params
  }

  /** Parameters become the literals of their values; with `keepParameters` they stay as they are written. */
  compose(parts: SqlPart, options: { readonly keepParameters?: boolean } = {}): ComposedSql {
    const origins: { readonly at: number; readonly from: number; readonly length: number }[] = []
    let text = ''
    const add = (part: SqlPart): void => {
      if (typeof part === 'string') {
        text += part
        return
      }
      if (!isSpan(part)) {
        part.forEach(add)
        return
      }
      for (const piece of options.keepParameters ? [part] : this.withoutParameters(part)) {
        if (typeof piece !== 'string')
          origins.push({ at: text.length, from: piece.start, length: piece.end - piece.start })
        text += typeof piece === 'string' ? piece : this.sql.slice(piece.start, piece.end)
      }
    }
    add(parts)
    const placeOf = (offset: number) => {
      const origin = origins.find(({ at, length }) => offset >= at && offset <= at + length)
      return origin && lineAndColumn(this.sql, origin.from + offset - origin.at)
    }
    return { text, statement: { sql: this.sql, placeOf } }
  }

  textOf({ start, end }: Span): string {
    return this.sql.slice(start, end)
  }

  /** An error at a place of the user's text. */
  error(span: Span, message: string, hint?: string, code = 'PHLO_SQL_INVALID'): PhloError {
    return new PhloError(code, message, {
      ...(hint !== undefined && { hint }),
      location: { file: statementFile, ...lineAndColumn(this.sql, span.start) },
    })
  }

  private withoutParameters({ start, end }: Span): (string | Span)[] {
    const pieces: (string | Span)[] = []
    let from = start
    for (const token of tokens(this.sql.slice(start, end))) {
      if (token.kind !== 'parameter') continue
      const place = { start: start + token.start, end: start + token.end }
      const index = Number(token.value.slice(1)) - 1
      const value = /^\$\d+$/.test(token.value) ? this.params[index] : undefined
      if (value === undefined)
        throw this.error(place, `There is no value for the parameter ${token.value}`, 'Parameters are $1, $2, ….')
      pieces.push({ start: from, end: place.start }, literal(value))
      from = place.end
    }
    return [...pieces, { start: from, end }]
  }
}

function isSpan(part: Exclude<SqlPart, string>): part is Span {
  return 'start' in part
}
