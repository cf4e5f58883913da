import { executeRun, parseDuration, type RunDependencies, type RunOutcome, type RunRequest } from '@phlo/core'
import { processClock, processHost } from '@phlo/core/runtime'
import type { Workspace } from '@phlo/authoring/loading'
import {
  CatalogPort,
  CheckKindPort,
  type EventListener,
  EventListenerPort,
  IngestEnginePort,
  PhloError,
  QueryEnginePort,
  StateStorePort,
  requireRunBranches,
} from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withWorkspace } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import { formatDuration, plural } from '../output/numbers.js'
import { errorText } from '../output/report-error.js'
import { checkTypesAside } from '../type-check.js'
import { JsonReporter, RunReporter } from '../output/run-reporter.js'
import type { Terminal } from '../output/terminal.js'
import type { RunFlags } from '../flags.js'

export async function run(
  context: CommandContext,
  globals: GlobalOptions,
  selection: readonly string[],
  flags: RunFlags,
  replay?: RunRequest['replay'],
): Promise<number> {
  return withWorkspace(context, globals, async (workspace) => {
    const permission = requireTypes(workspace, context.signal)
    const reporter = new RunReporter(context.terminal)
    const listener = globals.json ? new JsonReporter(context.terminal) : reporter
    const outcome = await executeRun(runDependencies(workspace, listener), {
      selection,
      ...flags,
      signal: context.signal,
      permission,
      ...(replay && { replay }),
    })
    if (!globals.json) printOutcome(context.terminal, outcome, reporter)
    else if (outcome.status === 'nothing-to-do') context.terminal.json({ type: 'run-finished', data: { outcome } })
    return outcomeCode(outcome)
  })
}

/** What runs of a workspace need; `listener` hears of them beside the plugins' own. */
export function runDependencies(
  { composition, project, graph, sources }: Workspace,
  listener: EventListener,
): RunDependencies {
  const { audit } = project.config
  return {
    graph,
    catalog: requireRunBranches(composition.get(CatalogPort)),
    queries: composition.get(QueryEnginePort),
    ingestion: composition.get(IngestEnginePort),
    sources,
    checkKinds: composition.all(CheckKindPort),
    state: composition.get(StateStorePort),
    listeners: [listener, ...composition.all(EventListenerPort)],
    host: processHost,
    clock: processClock,
    projectDir: project.dir,
    profile: project.profile,
    audit: { branch: audit.branch, keepFailed: parseDuration(audit.keepFailed) },
  }
}

/** Checks the workflows' types beside the run; with a mistake in them nothing is published. */
export async function requireTypes({ project, workflows }: Workspace, signal: AbortSignal): Promise<void> {
  const checked = await checkTypesAside(workflows.files, workflows.hash, project.dir, signal)
  const [first, ...others] = checked.status === 'checked' ? checked.problems : []
  if (!first) return
  throw new PhloError('PHLO_WORKFLOW_INVALID', first.message, {
    location: first.location,
    ...(others.length > 0 && { hint: `There are ${others.length} more: phlo config check` }),
  })
}

function outcomeCode({ status }: RunOutcome): number {
  if (status === 'cancelled') return exitCode.interrupted
  return status === 'failed' ? exitCode.failed : exitCode.ok
}

function printOutcome(terminal: Terminal, outcome: RunOutcome, reporter: RunReporter): void {
  const { green, red, yellow, bold, dim } = terminal.colors
  const { status, milliseconds, steps, rows, checks, failedChecks, branch, publishedCommit, error } = outcome
  const counts = `${plural(steps, 'step')}, ${plural(rows, 'row')}, ${plural(checks, 'check')}${failedChecks > 0 ? ` (${failedChecks} failed)` : ''} in ${formatDuration(milliseconds)}`
  switch (status) {
    case 'nothing-to-do':
      return terminal.print('Nothing is missing or stale. Everything once more: phlo run --force')
    case 'succeeded':
      terminal.print(
        `${green(bold('Published'))} to main as ${bold((publishedCommit as string).slice(0, 12))} ${dim(`(${counts})`)}`,
      )
      return
    case 'cancelled':
      terminal.print(`${yellow(bold('Cancelled'))}: main is as it was ${dim(`(${counts})`)}`)
      break
    case 'failed':
      terminal.print(`${red(bold('Not published'))}: main is as it was ${dim(`(${counts})`)}`)
      if (error && !reporter.hasTold(error)) terminal.print(errorText(terminal, error))
  }
  terminal.print(`  ${dim('→')} Look at what was written: phlo branch diff main ${branch as string}`)
  terminal.print(`    phlo query --ref ${branch as string} "SELECT …"`)
}
