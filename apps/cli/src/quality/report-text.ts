import type { QualityReport, ReportedCheck } from '@phlo/core'
import { checkText } from '../output/check-text.js'
import { formatTime } from '../output/numbers.js'
import type { Terminal } from '../output/terminal.js'

/** The report for a terminal: a line for each check, with what its last looks were. */
export function reportText(terminal: Terminal, { assets, counts }: QualityReport): string {
  const { bold, dim, green, yellow, red } = terminal.colors
  if (assets.length === 0) return 'No asset has checks.'
  const marks = { passed: green('✓'), warned: yellow('!'), failed: red('✗'), errored: red('✗') }
  const recent = ({ history }: ReportedCheck) =>
    history
      .slice(-10)
      .map(({ status }) => marks[status])
      .join('')
  const lines = assets.flatMap(({ asset, checks, neverRan }) => [
    bold(asset),
    ...checks.map(
      (check) =>
        `  ${checkText(terminal, check.result)}  ${dim(`[${check.result.layer}] ${formatTime(check.time)}`)}  ${recent(check)}`,
    ),
    ...neverRan.map((name) => `  ${dim(`· ${name}  has not run yet`)}`),
  ])
  const { passed, warned, failed, errored } = counts
  return [...lines, '', `${passed} passed, ${warned} warned, ${failed} failed, ${errored} could not run`].join('\n')
}
