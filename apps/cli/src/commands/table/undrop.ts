import { undropTable } from '@phlo/core'
import { formatIdentifier } from '@phlo/ports'
import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { requireIdentifier, withCatalog } from '../opened-catalog.js'

export async function undrop(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: { ref: string; as?: string },
): Promise<number> {
  const { terminal } = context
  return withCatalog(context, globals, async (catalog) => {
    const { table, foundAt, commit } = await undropTable(catalog, {
      table: requireIdentifier(name, 'undrop'),
      ref: options.ref,
      ...(options.as !== undefined && { as: requireIdentifier(options.as, '--as') }),
    })
    const back = formatIdentifier(table.identifier)
    if (globals.json) return terminal.json({ table: back, foundAt, commit, metadataLocation: table.metadataLocation })
    terminal.print(`${back} is back at ${options.ref}, as it was at ${foundAt.slice(0, 12)}`)
  })
}
