import {
  backfill as takeIn,
  backfillStatus,
  type BackfillOutcome,
  type BackfillStatus,
  type RunEvent,
} from '@phlo/core'
import type { EventListener, PublishedEvent } from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withWorkspace } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import type { BackfillFlags } from '../flags.js'
import { formatDuration, plural } from '../output/numbers.js'
import { errorText } from '../output/report-error.js'
import { JsonReporter } from '../output/run-reporter.js'
import type { Terminal } from '../output/terminal.js'
import { requireTypes, runDependencies } from './run.js'

/** Takes partitions of an asset in, or tells which ones were. */
export async function backfill(
  context: CommandContext,
  globals: GlobalOptions,
  asset: string,
  flags: BackfillFlags,
): Promise<number> {
  const { terminal, signal } = context
  return withWorkspace(context, globals, async (workspace) => {
    const listener = globals.json ? new JsonReporter(terminal) : new PartitionReporter(terminal)
    const dependencies = runDependencies(workspace, listener)
    const { status, ...request } = flags
    if (status) {
      const told = await backfillStatus(dependencies, { asset, ...request })
      if (globals.json) terminal.json(told)
      else printStatus(terminal, told)
      return exitCode.ok
    }
    const permission = requireTypes(workspace, signal)
    const outcome = await takeIn(dependencies, { asset, ...request, signal, permission })
    if (globals.json) terminal.json({ type: 'backfill-finished', data: { outcome } })
    else printOutcome(terminal, outcome)
    if (outcome.status === 'cancelled') return exitCode.interrupted
    return outcome.status === 'failed' ? exitCode.failed : exitCode.ok
  })
}

/** One line a partition, whichever of several runs it belongs to. */
class PartitionReporter implements EventListener {
  readonly name = 'terminal'
  private readonly terminal: Terminal
  private done = 0

  constructor(terminal: Terminal) {
    this.terminal = terminal
  }

  onEvent({ type, data }: PublishedEvent): void {
    const event = { type, ...(data as object) } as RunEvent
    const { green, red, yellow, dim } = this.terminal.colors
    if (event.type === 'step-finished') {
      const details = `${plural(event.rows, 'row')}, ${formatDuration(event.milliseconds)}, ${++this.done} done`
      this.terminal.print(`  ${green('✓')} ${event.step.partition ?? event.step.asset}  ${dim(details)}`)
    } else if (event.type === 'step-retried') {
      const details = `${event.error.message}; again in ${formatDuration(event.delay)}`
      this.terminal.print(`  ${yellow('↻')} ${event.step.partition ?? event.step.asset}  ${dim(details)}`)
    } else if (event.type === 'step-failed') {
      this.terminal.print(`  ${red('✗')} ${event.step.partition ?? event.step.asset}  ${event.error.message}`)
    } else if (event.type === 'check-finished' && event.check.status !== 'passed') {
      this.terminal.print(`    ${yellow('!')} ${event.check.name} ${event.check.status}: ${event.check.description}`)
    }
  }
}

function printStatus(terminal: Terminal, status: BackfillStatus): void {
  const { asset, range, partitions, published, waiting, branch, missing } = status
  terminal.print(`${terminal.colors.bold(asset)} ${range}: ${published} of ${plural(partitions, 'partition')} on main`)
  if (branch !== undefined) terminal.print(`  ${plural(waiting, 'partition')} more on ${branch}, not published yet`)
  const shown = missing.slice(0, 10)
  if (shown.length > 0) {
    const more = missing.length > shown.length ? ` and ${missing.length - shown.length} more` : ''
    terminal.print(`  missing: ${shown.join(', ')}${more}`)
  }
}

function printOutcome(terminal: Terminal, outcome: BackfillOutcome): void {
  const { green, red, yellow, bold, dim } = terminal.colors
  const { asset, range, status, taken, before, partitions, rows, publishedCommit, branch, failed } = outcome
  const counts = dim(`(${taken} of ${plural(partitions, 'partition')} now, ${before} before, ${plural(rows, 'row')})`)
  const commit = publishedCommit === undefined ? '' : ` as ${bold(publishedCommit.slice(0, 12))}`
  if (status === 'nothing-to-do') return terminal.print(`Nothing of ${asset} ${range} is missing`)
  if (status === 'succeeded') return terminal.print(`${green(bold('Published'))} ${asset} ${range}${commit} ${counts}`)
  terminal.print(
    status === 'cancelled'
      ? `${yellow(bold('Cancelled'))} ${counts}`
      : `${red(bold('Not all is published'))} ${counts}`,
  )
  for (const { partition, error } of failed.slice(0, 10))
    terminal.print(`  ${partition}: ${errorText(terminal, error)}`)
  if (branch !== undefined) terminal.print(`  ${dim('→')} Look at what was written: phlo branch diff main ${branch}`)
  terminal.print(`  ${dim('→')} Go on from here: the same command with --resume`)
}
