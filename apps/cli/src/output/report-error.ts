import path from 'node:path'
import type { ErrorInfo } from '@phlo/core'
import type { Terminal } from './terminal.js'

/** An error for people: what happened, where, and what to do. */
export function errorText(terminal: Terminal, error: ErrorInfo): string {
  const { red, dim, bold } = terminal.colors
  const lines = [`${red(bold('error'))} ${dim(error.code)} ${error.message}`]
  if (error.location) lines.push(`  ${dim('at')} ${locationText(error.location)}`)
  if (error.hint !== undefined) lines.push(`  ${dim('→')} ${error.hint}`)
  return lines.join('\n')
}

/** `workflows/flights.ts:12:5`, from the present folder. */
export function locationText({ file, line, column }: NonNullable<ErrorInfo['location']>): string {
  const shown = path.isAbsolute(file) ? path.relative(process.cwd(), file) : file
  return [shown, line, column].filter((part) => part !== undefined).join(':')
}
