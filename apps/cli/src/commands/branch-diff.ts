import { batchRows, diffRefs, type PlainRow } from '@phlo/core'
import { schemaChanges } from '@phlo/iceberg'
import { CatalogPort, formatIdentifier, QueryEnginePort, requireRunBranches } from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withPlugins } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import { plainDifference, printDifferences, printRows } from '../output/ref-differences.js'
import type { DiffFlags } from './branch-flags.js'
import { refOf, requireIdentifier } from './opened-catalog.js'

/** Rows of a table that a person is shown. */
const shownRows = 100

export async function diff(
  context: CommandContext,
  globals: GlobalOptions,
  from: string,
  to: string,
  { table, count, rows, key: keys, limit = globals.json ? undefined : shownRows }: DiffFlags,
): Promise<number> {
  const { terminal, signal } = context
  return withPlugins(context, globals, async ({ composition }) => {
    const catalog = requireRunBranches(composition.get(CatalogPort))
    const refs = { from: await refOf(catalog, from), to: await refOf(catalog, to) }
    const counted = count || (rows && !globals.json)
    const differences = await diffRefs(catalog, refs, schemaChanges, {
      ...(table !== undefined && { table: requireIdentifier(table) }),
      ...(counted && { engine: composition.get(QueryEnginePort), signal, ...(keys && { keys }) }),
    })
    if (!globals.json) printDifferences(terminal, differences, { from, to })
    else if (!rows) terminal.json(differences.map(plainDifference))
    if (!rows) return exitCode.ok
    for (const { identifier, comparable } of differences) {
      if (!comparable) continue
      const states = { from: { ref: refs.from }, to: { ref: refs.to } }
      const options = { signal, ...(keys && { keys }), ...(limit !== undefined && { limit }) }
      const found = await composition.get(QueryEnginePort).diffRows(identifier, states, options)
      const kept: PlainRow[] = []
      for await (const batch of found.batches) {
        for (const row of batchRows(batch))
          if (globals.json) terminal.json({ table: formatIdentifier(identifier), ...row })
          else kept.push(row)
      }
      if (kept.length > 0) printRows(terminal, formatIdentifier(identifier), kept, limit)
    }
    return exitCode.ok
  })
}
