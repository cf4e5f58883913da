import { errorMessage, isPhloError, PhloError, statementFile } from '@phlo/ports'

/** DuckDB's own kinds of errors that are the statement's fault. */
const statementFaults =
  /^(Parser|Binder|Catalog|Conversion|Invalid Input|Out of Range|Constraint|Not implemented|Syntax|Mismatch Type) Error: /

/** A user's statement, and the text that was run when that holds more than the statement. */
export interface UserStatement {
  readonly sql: string
  readonly ran?: string
  /** Where in the user's text an offset into `ran` lies, when that holds several parts of it. Default: `ran` holds all. */
  readonly placeOf?: (offset: number) => { readonly line: number; readonly column: number } | undefined
}

/**
 * An error of DuckDB in Phlo's words, with the line and column within the statement where DuckDB tells them.
 * `statement` is the user's own SQL; without it the statement was Phlo's and the fault is not the user's.
 */
export function toEngineError(error: unknown, statement?: UserStatement): PhloError {
  if (isPhloError(error)) return error
  const { message, offset } = readError(errorMessage(error))
  if (/INTERRUPT Error/i.test(message)) return cancelled(error)
  if (/^Permission Error: /.test(message)) {
    return new PhloError('PHLO_SQL_FORBIDDEN', 'SQL reaches tables only: files and the network are closed to it', {
      hint: 'Read files with an ingestion asset, then query its table.',
      cause: error,
    })
  }
  if (/^Out of Memory Error: /.test(message)) {
    return new PhloError('PHLO_ENGINE_FAILED', oneLine(message), {
      hint: 'Raise the engine’s memoryLimit in phlo.yaml.',
      cause: error,
    })
  }
  // A data file that cannot be read is no fault of who reads it.
  const damaged = /No magic bytes|\.parquet['"]/.test(message)
  if (statement === undefined || damaged || !statementFaults.test(message))
    return new PhloError('PHLO_ENGINE_FAILED', message, { cause: error })
  const position = offset && positionIn(offset, statement)
  return new PhloError('PHLO_SQL_INVALID', oneLine(message), {
    ...(position && { location: { file: statementFile, ...position } }),
    cause: error,
  })
}

/** What a caller that has aborted its signal gets. */
export function cancelled(cause: unknown): PhloError {
  return isPhloError(cause, 'PHLO_RUN_CANCELLED')
    ? cause
    : new PhloError('PHLO_RUN_CANCELLED', 'The query was cancelled', { cause })
}

/** DuckDB counts bytes when it binds and runs, and characters when it parses. */
interface ErrorOffset {
  readonly unit: 'bytes' | 'characters'
  readonly count: number
}

interface JsonError {
  readonly exception_type?: string
  readonly exception_message?: string
  readonly position?: string
}

/** DuckDB's message, which is JSON where `errors_as_json` is set, perhaps behind a prefix. */
function readError(text: string): { readonly message: string; readonly offset?: ErrorOffset } {
  const start = text.indexOf('{"exception_type"')
  if (start < 0) return { message: text }
  try {
    const { exception_type: type, exception_message: message, position } = JSON.parse(text.slice(start)) as JsonError
    if (type === undefined || message === undefined) return { message: text }
    const count = Number(position)
    return {
      message: `${type} Error: ${message}`,
      ...(position !== undefined &&
        Number.isSafeInteger(count) && { offset: { unit: type === 'Parser' ? 'characters' : 'bytes', count } }),
    }
  } catch {
    return { message: text }
  }
}

function oneLine(message: string): string {
  return message.trim().replace(/\s*\n\s*/g, ' ')
}

function positionIn(
  offset: ErrorOffset,
  { sql, ran = sql, placeOf }: UserStatement,
): { line: number; column: number } | undefined {
  if (placeOf) return placeOf(textOffset(ran, offset))
  const index = textOffset(ran, offset) - ran.indexOf(sql)
  return index < 0 || index > sql.length ? undefined : lineAndColumn(sql, index)
}

/** DuckDB's offset as one into JavaScript's text. */
export function textOffset(text: string, { unit, count }: ErrorOffset): number {
  return unit === 'bytes'
    ? Buffer.from(text).subarray(0, count).toString().length
    : [...text].slice(0, count).join('').length
}

/** Line and column, 1-based, of an offset into a text. */
export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n')
  return { line: before.length, column: (before.at(-1) as string).length + 1 }
}
