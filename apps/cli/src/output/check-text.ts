import type { CheckResult } from '@phlo/core'
import type { Terminal } from './terminal.js'
import { formatCount } from './numbers.js'

/** One line for a check's result. */
export function checkText(terminal: Terminal, check: CheckResult): string {
  const { green, yellow, red, dim } = terminal.colors
  const mark = { passed: green('✓'), warned: yellow('!'), failed: red('✗'), errored: red('✗') }[check.status]
  const { failed_count: failed, total_count: total } = check.metadata
  const counts = failed > 0 && total !== undefined ? `${formatCount(failed)} of ${formatCount(total)} rows` : ''
  const description = check.description.replaceAll(/\s+/g, ' ').trim()
  const detail = [description, check.error?.message ?? check.observed ?? counts]
    .filter((part) => part !== '')
    .join(': ')
  return `${mark} ${check.name}  ${dim(detail)}`
}
