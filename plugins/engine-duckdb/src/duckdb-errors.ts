import { errorMessage, isPhloError, PhloError } from '@phlo/ports'

/** DuckDB's own kinds of errors that are the statement's fault. */
const statementFaults =
  /^(Parser|Binder|Catalog|Conversion|Invalid Input|Out of Range|Constraint|Not implemented|Syntax) Error: /

/**
 * An error of DuckDB in Phlo's words, with the line and column within the statement where DuckDB tells them.
 * `statement` is the user's own SQL; without it the statement was Phlo's and the fault is not the user's.
 */
export function toEngineError(error: unknown, statement?: string): PhloError {
  if (isPhloError(error)) return error
  const message = errorMessage(error)
  if (/INTERRUPT Error/i.test(message))
    return new PhloError('PHLO_RUN_CANCELLED', 'The query was cancelled', { cause: error })
  if (/^Permission Error: /.test(message)) {
    return new PhloError('PHLO_SQL_FORBIDDEN', 'SQL reaches tables only: files and the network are closed to it', {
      hint: 'Read files with an ingestion asset, then query its table.',
      cause: error,
    })
  }
  if (/^Out of Memory Error: /.test(message)) {
    return new PhloError('PHLO_ENGINE_FAILED', firstLine(message), {
      hint: 'Raise the engine’s memoryLimit in phlo.yaml.',
      cause: error,
    })
  }
  if (statement === undefined || !statementFaults.test(message))
    return new PhloError('PHLO_ENGINE_FAILED', message, { cause: error })
  const position = positionIn(message, statement)
  return new PhloError('PHLO_SQL_INVALID', firstLine(message), {
    ...(position && { location: { file: '<sql>', ...position } }),
    cause: error,
  })
}

function firstLine(message: string): string {
  const end = message.search(/\n\s*\n?LINE \d+:/)
  return (end < 0 ? message : message.slice(0, end)).trim().replace(/\s*\n\s*/g, ' ')
}

/** DuckDB shows the line, perhaps cut at both ends, with a caret below the place. */
function positionIn(message: string, statement: string): { line: number; column?: number } | undefined {
  const shown = /LINE (\d+): (.*)\n( *)\^/.exec(message)
  if (!shown) return undefined
  const line = Number(shown[1])
  const excerpt = shown[2] as string
  const caret = (shown[3] as string).length - `LINE ${line}: `.length
  const text = statement.split('\n')[line - 1] ?? ''
  const bare = excerpt.replace(/^\.\.\./, '').replace(/\.\.\.$/, '')
  const start = text.indexOf(bare)
  if (start < 0 || caret < 0) return { line }
  const cut = excerpt.startsWith('...') ? 3 : 0
  return { line, column: start + caret - cut + 1 }
}

/** Line and column, 1-based, of an offset into a text. */
export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n')
  return { line: before.length, column: (before.at(-1) as string).length + 1 }
}
