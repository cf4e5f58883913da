import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { formatBytes, plural } from '../../output/numbers.js'
import type { RewriteDeletesFlags } from './flags.js'
import { withTable } from './opened-lake.js'

/** Puts a table's files of position deletes together. */
export async function rewriteDeletes(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: RewriteDeletesFlags,
): Promise<number> {
  const { terminal } = context
  return withTable(context, globals, { name, ref: options.ref }, async ({ identifier }, opened) => {
    const result = await opened.engine().rewriteDeletes({
      table: identifier,
      ref: options.ref,
      message: `Rewrite deletes of ${name}`,
      signal: context.signal,
      ...(options.tableBranch !== undefined && { tableBranch: options.tableBranch }),
      ...(options.dryRun && { dryRun: true }),
    })
    if (globals.json) return terminal.json({ table: name, ...(options.dryRun && { dryRun: true }), ...result })
    const removed = `${plural(result.removedFiles, 'delete file')} (${formatBytes(result.removedBytes)})`
    if (result.removedFiles === 0 && result.conflicts === 0)
      return terminal.print(`Nothing to do: ${plural(result.examined, 'file')} of position deletes`)
    if (options.dryRun) return terminal.print(`Would rewrite ${removed} of ${result.examined}`)
    terminal.print(
      `Rewrote ${removed} as ${plural(result.addedFiles, 'file')} (${formatBytes(result.addedBytes)}) ` +
        `with ${plural(result.positions, 'deleted row')}`,
    )
    if (result.conflicts > 0)
      terminal.note(`${plural(result.conflicts, 'partition')} stayed: somebody else changed the files. Run it again.`)
  })
}
