import { markInterrupted } from '@phlo/core'
import { processHost } from '@phlo/core/runtime'
import {
  CatalogPort,
  PhloError,
  requireRunBranches,
  type RunRecord,
  type StateStore,
  StateStorePort,
} from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withPlugins } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import { formatCount, formatDuration, formatTime } from '../output/numbers.js'
import { errorText } from '../output/report-error.js'
import { RunReporter } from '../output/run-reporter.js'
import type { Terminal } from '../output/terminal.js'
import { textTable } from '../output/text-table.js'

async function withState(
  context: CommandContext,
  globals: GlobalOptions,
  work: (state: StateStore) => Promise<void>,
): Promise<number> {
  return withPlugins(context, globals, async ({ composition }) => {
    const state = composition.get(StateStorePort)
    await markInterrupted({ state, catalog: requireRunBranches(composition.get(CatalogPort)), host: processHost })
    await work(state)
    return exitCode.ok
  })
}

export async function list(
  context: CommandContext,
  globals: GlobalOptions,
  options: { limit: string },
): Promise<number> {
  const { terminal } = context
  return withState(context, globals, async (state) => {
    const runs = await state.listRuns({ limit: Number(options.limit) })
    if (globals.json) return terminal.json(runs)
    if (runs.length === 0) return terminal.print('There are no runs yet.')
    terminal.print(
      textTable(
        terminal,
        [
          { title: 'run' },
          { title: 'status' },
          { title: 'started (UTC)' },
          { title: 'took', align: 'right' },
          { title: 'rows', align: 'right' },
          { title: 'checks', align: 'right' },
          { title: 'assets' },
        ],
        runs.map((run) => [
          run.id,
          statusText(terminal, run),
          formatTime(run.startedAt),
          run.finishedAt === undefined ? '' : formatDuration(run.finishedAt - run.startedAt),
          formatCount(run.summary?.rows ?? 0),
          formatCount(run.summary?.checks ?? 0),
          run.selection,
        ]),
      ),
    )
  })
}

export async function show(context: CommandContext, globals: GlobalOptions, id: string): Promise<number> {
  const { terminal } = context
  return withState(context, globals, async (state) => {
    const run = id === 'last' ? (await state.listRuns({ limit: 1 }))[0] : await state.getRun(id)
    if (!run) throw new PhloError('PHLO_RUN_NOT_FOUND', `There is no run ${id}`, { hint: 'List them: phlo runs' })
    const events = await state.listEvents(run.id)
    if (globals.json) return terminal.json({ run, events })
    const { bold, dim } = terminal.colors
    terminal.print(
      `${bold(run.id)} ${statusText(terminal, run)} ${dim(`${formatTime(run.startedAt)} UTC, profile ${run.profile}, by ${run.owner}`)}`,
    )
    const reporter = new RunReporter(terminal)
    for (const event of events) reporter.onEvent({ runId: run.id, ...event })
    if (run.publishedCommit !== undefined) terminal.print(`Published to main as ${run.publishedCommit.slice(0, 12)}`)
    if (run.error) terminal.print(errorText(terminal, run.error))
  })
}

function statusText({ colors }: Terminal, { status }: RunRecord): string {
  const color = {
    running: colors.cyan,
    succeeded: colors.green,
    failed: colors.red,
    cancelled: colors.yellow,
    interrupted: colors.yellow,
  }[status]
  return color(status)
}
