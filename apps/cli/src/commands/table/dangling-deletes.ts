import { planDanglingDeletes, removeDanglingDeletes } from '@phlo/iceberg'
import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { formatBytes, plural } from '../../output/numbers.js'
import { maintained, withTable } from './opened-lake.js'

/** Takes delete files out of a table that delete no row any more. */
export async function danglingDeletes(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: { ref: string; dryRun?: boolean },
): Promise<number> {
  const { terminal } = context
  return withTable(context, globals, { name, ref: options.ref }, async (table, opened) => {
    if (options.dryRun) {
      const { files, examined } = await planDanglingDeletes(opened.store, table.metadata)
      if (globals.json)
        return terminal.json({ table: name, dryRun: true, examined, files: files.map(({ path }) => path) })
      return terminal.print(`Would remove ${files.length} of ${plural(examined, 'delete file')} of ${name}`)
    }
    const message = `Remove dangling deletes of ${name}`
    const result = await removeDanglingDeletes(maintained(opened, table, options.ref, message))
    if (globals.json) return terminal.json({ table: name, ...result })
    terminal.print(`Removed ${plural(result.removed, 'delete file')} (${formatBytes(result.bytes)}) of ${name}`)
  })
}
