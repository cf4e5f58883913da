import { deleteExpiredRows, expiredRows, parseDuration, type RetentionReport } from '@phlo/core'
import { processHost } from '@phlo/core/runtime'
import { CatalogPort, QueryEnginePort, requireVersioned } from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withWorkspace } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import { formatCount, plural } from '../output/numbers.js'
import type { Terminal } from '../output/terminal.js'
import { textTable } from '../output/text-table.js'

/** Tells which rows are older than their layer or asset keeps them, and deletes them when asked to. */
export async function retention(
  context: CommandContext,
  globals: GlobalOptions,
  flags: { readonly delete?: boolean },
): Promise<number> {
  const { terminal } = context
  return withWorkspace(context, globals, async ({ composition, project, graph }) => {
    const place = {
      catalog: requireVersioned(composition.get(CatalogPort)),
      queries: composition.get(QueryEnginePort),
      graph,
      author: processHost.author,
    }
    const layers = Object.fromEntries(
      Object.entries(project.config.retention.layers).map(([layer, keep]) => [
        layer,
        keep === 'forever' ? Infinity : parseDuration(keep),
      ]),
    )
    if (!flags.delete) {
      const report = await expiredRows(place, { layers }, Date.now())
      if (globals.json) terminal.json(report)
      else {
        printReport(terminal, report)
        if (report.expired.length > 0) terminal.print('Delete them: phlo retention --delete')
      }
      return exitCode.ok
    }
    const { report, commit } = await deleteExpiredRows(place, { layers }, Date.now())
    if (globals.json) terminal.json({ ...report, ...(commit !== undefined && { commit }) })
    else {
      printReport(terminal, report)
      if (commit !== undefined) {
        const rows = report.expired.reduce((sum, { rows: count }) => sum + count, 0)
        terminal.print(`Deleted ${plural(rows, 'row')} in commit ${terminal.colors.bold(commit.slice(0, 12))}`)
        terminal.print('Their files go once no past state that is kept needs them: phlo gc')
      }
    }
    return exitCode.ok
  })
}

function printReport(terminal: Terminal, { expired, undated }: RetentionReport): void {
  if (expired.length === 0) terminal.print('No row is older than it is kept')
  else
    terminal.print(
      textTable(
        terminal,
        [{ title: 'table' }, { title: 'older than' }, { title: 'by' }, { title: 'rows', align: 'right' }],
        expired.map(({ table, before, column, rows }) => [table, before.slice(0, 10), column, formatCount(rows)]),
      ),
    )
  if (undated.length > 0) terminal.note(`No column tells how old rows are: ${undated.join(', ')}`)
}
