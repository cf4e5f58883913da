import { type RewriteRequest, type RewriteStrategy } from '@phlo/ports'
import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { formatBytes, formatDuration, plural } from '../../output/numbers.js'
import type { CompactFlags } from './flags.js'
import { withTable } from './opened-lake.js'

/** Puts small files of a table together, leaves deleted rows out, and orders rows where asked to. */
export async function compact(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: CompactFlags,
): Promise<number> {
  const { terminal } = context
  return withTable(context, globals, { name, ref: options.ref }, async ({ identifier }, opened) => {
    const started = Date.now()
    const request: RewriteRequest = {
      table: identifier,
      ref: options.ref,
      strategy: strategyOf(options),
      message: `Compact ${name}`,
      signal: context.signal,
      ...(options.tableBranch !== undefined && { tableBranch: options.tableBranch }),
      ...(options.where && { where: options.where }),
      ...(options.targetSize !== undefined && { targetFileSize: options.targetSize }),
      ...(options.minFiles !== undefined && { minInputFiles: options.minFiles }),
      ...(options.all && { all: true }),
      ...(options.dryRun && { dryRun: true }),
      ...(!globals.json && {
        onProgress: ({ groups, groupsDone, bytesDone, bytes }) => {
          if (groupsDone < groups)
            terminal.note(`${groupsDone} of ${groups} groups, ${formatBytes(bytesDone)} of ${formatBytes(bytes)}`)
        },
      }),
    }
    const result = await opened.engine().rewrite(request)
    if (globals.json) return terminal.json({ table: name, ...(options.dryRun && { dryRun: true }), ...result })
    const removed = `${plural(result.removedFiles, 'file')} (${formatBytes(result.removedBytes)})`
    if (options.dryRun) {
      return terminal.print(
        `Would rewrite ${removed} of ${plural(result.examined, 'file')} in ${plural(result.groups, 'group')}`,
      )
    }
    terminal.print(
      result.removedFiles === 0
        ? `Nothing to do: ${plural(result.examined, 'file')} of the right size`
        : `Rewrote ${removed} as ${plural(result.addedFiles, 'file')} (${formatBytes(result.addedBytes)}), ` +
            `${plural(result.rows, 'row')} in ${formatDuration(Date.now() - started)}`,
    )
    if (result.conflicts > 0)
      terminal.note(`${plural(result.conflicts, 'group')} stayed: somebody else changed the files. Run it again.`)
  })
}

function strategyOf({ strategy, by }: CompactFlags): RewriteStrategy {
  if (strategy === 'binpack') return { kind: strategy }
  if (strategy === 'sort') return { kind: strategy, ...(by && { by }) }
  return { kind: strategy, columns: (by ?? []).map(({ column }) => column) }
}
