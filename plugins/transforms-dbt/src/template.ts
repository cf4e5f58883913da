import { PhloError } from '@phlo/ports'
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

/**
 * Renders a template: each expression becomes what `resolve` gives for its call. Line breaks within expressions stay, so
 * that a line of the result is a line of the file. Throws PHLO_TEMPLATE_INVALID with file, line and column.
 */
export function renderTemplate(text: string, file: string, resolve: (call: TemplateCall) => string): string {
  let result = ''
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
    result += text.slice(position, start) + rendered + '\n'.repeat(inner.split('\n').length - 1)
    position = end + 2
    block.lastIndex = position
  }
  return result + text.slice(position)
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
