import { makePlan, type Plan } from '@phlo/core'
import { CatalogPort } from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withWorkspace } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import { plural } from '../output/numbers.js'
import type { Terminal } from '../output/terminal.js'
import { textTable } from '../output/text-table.js'
import type { RunFlags } from '../flags.js'

export async function plan(
  context: CommandContext,
  globals: GlobalOptions,
  selection: readonly string[],
  flags: RunFlags,
): Promise<number> {
  return withWorkspace(context, globals, async ({ graph, composition, project, sources }) => {
    const made = await makePlan(
      { graph, catalog: composition.get(CatalogPort), sources, projectDir: project.dir },
      { selection, ...flags },
    )
    if (globals.json) context.terminal.json(made)
    else printPlan(context.terminal, made)
    return exitCode.ok
  })
}

function printPlan(terminal: Terminal, { steps, fresh }: Plan): void {
  const { dim } = terminal.colors
  if (steps.length === 0)
    terminal.print(fresh.length === 0 ? 'The project declares no assets.' : 'Nothing is missing or stale.')
  else {
    terminal.print(
      textTable(
        terminal,
        [{ title: 'asset' }, { title: 'kind' }, { title: 'partitions' }, { title: 'why' }],
        steps.map(({ asset, kind, partition, reason }) => [asset, kind, partition ?? '', reason]),
      ),
    )
    terminal.print(`\n${plural(steps.length, 'step')}. Run them: ${terminal.colors.bold('phlo run')}`)
  }
  if (fresh.length > 0 && steps.length > 0) terminal.print(dim(`Fresh: ${fresh.join(', ')}`))
}
