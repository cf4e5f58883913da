import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { formatCount } from '../../output/numbers.js'
import { textTable } from '../../output/text-table.js'
import type { StatsFlags } from './flags.js'
import { withTable } from './opened-lake.js'

/** Counts the distinct values of a table's columns and keeps that with its snapshot. */
export async function stats(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: StatsFlags,
): Promise<number> {
  const { terminal } = context
  return withTable(context, globals, { name, ref: options.ref }, async ({ identifier }, opened) => {
    const result = await opened.engine().analyze({
      table: identifier,
      ref: options.ref,
      message: `Statistics of ${name}`,
      signal: context.signal,
      ...(options.columns && { columns: options.columns }),
      ...(options.dryRun && { dryRun: true }),
    })
    if (globals.json) return terminal.json({ table: name, ...(options.dryRun && { dryRun: true }), ...result })
    terminal.print(
      textTable(
        terminal,
        [{ title: 'column' }, { title: 'distinct values', align: 'right' }],
        result.columns.map(({ column, ndv }) => [column, formatCount(ndv)]),
      ),
    )
    if (result.snapshotId === undefined) return terminal.note('There are no rows yet: nothing to keep.')
    terminal.note(`${options.dryRun ? 'Would be kept' : 'Kept'} with snapshot ${result.snapshotId} of ${name}`)
  })
}
