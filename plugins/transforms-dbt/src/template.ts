import { PhloError, type SourceLocation, type SqlPlace } from '@phlo/ports'
import { type Call, parseCall } from './expression.js'

/**
 * The part of dbt's templates that stands in expressions: `{{ ref('x') }}`, `{{ source('a', 'b') }}`, `{{ config(…) }}`,
 * `{{ var('x') }}` and comments. Control blocks (`{% … %}`) are refused.
 */
export interface TemplateCall extends Call {
  /** 1-based. */
  readonly line: number
  readonly column: number
}

/** A template's text with its expressions resolved. */
export interface RenderedTemplate {
  readonly text: string
  /** Where a place of {@link text} stands in the template; what an expression gave stands where the expression does. */
  readonly locate: (place: SqlPlace) => SourceLocation
}

/** A piece of the result: a piece of the template as it was, or what an expression gave. */
interface Piece {
  readonly text: string
  /** Offset in the template. */
  readonly start: number
  readonly verbatim: boolean
}

/**
 * Renders a template: each expression becomes what `resolve` gives for its call. Line breaks within expressions stay, so
 * that a line of the result is a line of the file. Throws PHLO_TEMPLATE_INVALID with file, line and column.
 */
export function renderTemplate(text: string, file: string, resolve: (call: TemplateCall) => string): RenderedTemplate {
  const pieces: Piece[] = []
  let position = 0
  const block = /\{\{|\{%|\{#/g
  for (let match = block.exec(text); match; match = block.exec(text)) {
    const start = match.index
    const at = placeOf(text, start)
    const fail = (problem: string, hint?: string) =>
      new PhloError('PHLO_TEMPLATE_INVALID', problem, {
        location: { file, ...at },
        ...(hint !== undefined && { hint }),
      })
    if (match[0] === '{%') {
      throw fail(
        'Control blocks ({% … %}) are not supported yet',
        'Models may use ref, source, config and var in {{ … }}.',
      )
    }
    const close = match[0] === '{{' ? '}}' : '#}'
    const end = text.indexOf(close, start + 2)
    if (end < 0) throw fail(`${match[0]} is never closed by ${close}`)
    const inner = text.slice(start + 2, end)
    const rendered = match[0] === '{#' ? '' : renderExpression(inner, at, fail, resolve)
    pieces.push(
      { text: text.slice(position, start), start: position, verbatim: true },
      { text: rendered + '\n'.repeat(inner.split('\n').length - 1), start, verbatim: false },
    )
    position = end + 2
    block.lastIndex = position
  }
  pieces.push({ text: text.slice(position), start: position, verbatim: true })
  const result = pieces.map((piece) => piece.text).join('')
  return {
    text: result,
    locate: (place) => ({ file, ...placeOf(text, originOf(pieces, offsetOf(result, place))) }),
  }
}

/** The offset in the template of an offset in the result. */
function originOf(pieces: readonly Piece[], offset: number): number {
  let rest = offset
  for (const { text, start, verbatim } of pieces) {
    if (rest < text.length) return verbatim ? start + rest : start
    rest -= text.length
  }
  const last = pieces.at(-1)
  return last ? last.start + last.text.length : 0
}

function offsetOf(text: string, { line, column }: SqlPlace): number {
  let start = 0
  for (let current = 1; current < line; current++) {
    const end = text.indexOf('\n', start)
    if (end < 0) return text.length
    start = end + 1
  }
  return Math.min(start + column - 1, text.length)
}

function renderExpression(
  text: string,
  at: { readonly line: number; readonly column: number },
  fail: (problem: string, hint?: string) => PhloError,
  resolve: (call: TemplateCall) => string,
): string {
  const call = parseCall(text.replace(/^-|-$/g, ''))
  if (!call) {
    throw fail(`{{${text}}} is not supported yet`, "Models may use ref('…'), source('…', '…'), config(…) and var('…').")
  }
  return resolve({ ...call, ...at })
}

function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n')
  return { line: before.length, column: (before.at(-1) as string).length + 1 }
}
