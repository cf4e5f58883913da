import { nextDue } from '@phlo/core'
import { type CommandContext, type GlobalOptions, withWorkspace } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import { formatTime, plural } from '../output/numbers.js'
import { checkTypesAside } from '../type-check.js'
import { locationText } from '../output/report-error.js'

/** Loads everything, and runs nothing. */
export async function configCheck(context: CommandContext, globals: GlobalOptions): Promise<number> {
  const { terminal } = context
  return withWorkspace(context, globals, async ({ project, graph, schedules, workflows }) => {
    const types = await checkTypesAside(workflows.files, workflows.hash, project.dir, context.signal)
    const problems = types.status === 'checked' ? types.problems : []
    if (globals.json) {
      terminal.json({
        project: project.config.name,
        profile: project.profile,
        plugins: project.plugins.map(({ place, use }) => ({ place, use })),
        assets: graph.assets.map(({ key, kind, upstream, checks }) => ({
          key,
          kind,
          upstream,
          checks: checks.map(({ name }) => name),
        })),
        schedules,
        types: types.status,
        problems,
      })
      return problems.length > 0 ? exitCode.failed : exitCode.ok
    }
    const { bold, dim, green, red, yellow } = terminal.colors
    terminal.print(
      `${bold(project.config.name)} ${dim(`profile ${project.profile}: ${project.plugins.map(({ place, use }) => `${place ?? 'plugin'} ${use}`).join(', ')}`)}`,
    )
    for (const asset of graph.assets) {
      terminal.print(
        `  ${green('✓')} ${asset.key} ${dim(`${asset.kind}, ${plural(asset.checks.length, 'check')}${asset.upstream.length > 0 ? `, from ${asset.upstream.join(', ')}` : ''}`)}`,
      )
    }
    for (const { name, cron, timezone, selection } of schedules) {
      const due = nextDue({ cron, timezone }, new Date())
      terminal.print(
        `  ${green('✓')} schedule ${name} ${dim(`${cron} (${timezone})${selection.length > 0 ? ` for ${selection.join(' ')}` : ''}${due ? `, next ${formatTime(due)} UTC` : ''}`)}`,
      )
    }
    for (const { message, location } of problems) terminal.print(`  ${red('✗')} ${locationText(location)} ${message}`)
    if (types.status === 'unavailable')
      terminal.print(
        `  ${yellow('!')} types were not checked: no TypeScript is installed (npm install --save-dev typescript)`,
      )
    terminal.print(problems.length > 0 ? red(plural(problems.length, 'type error')) : green('The project is in order.'))
    return problems.length > 0 ? exitCode.failed : exitCode.ok
  })
}
