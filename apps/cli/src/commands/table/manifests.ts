import { planManifestRewrite, rewriteManifests } from '@phlo/iceberg'
import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { plural } from '../../output/numbers.js'
import type { ManifestsFlags } from './flags.js'
import { maintained, withTable } from './opened-lake.js'

/** Writes a table's manifests anew, so that planning reads less. */
export async function manifests(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: ManifestsFlags,
): Promise<number> {
  const { terminal } = context
  return withTable(context, globals, { name, ref: options.ref }, async (table, opened) => {
    const wanted = {
      ...(options.targetSize !== undefined && { targetSize: options.targetSize }),
      ...(options.all && { all: true }),
    }
    if (options.dryRun) {
      const { replaced, expected, kept } = await planManifestRewrite(opened.store, table.metadata, wanted)
      if (globals.json) return terminal.json({ table: name, dryRun: true, replaced, expected, kept })
      return terminal.print(`Would write ${plural(replaced, 'manifest')} as about ${expected}; ${kept} stay`)
    }
    const result = await rewriteManifests(
      maintained(opened, table, options.ref, `Rewrite manifests of ${name}`),
      wanted,
    )
    if (globals.json) return terminal.json({ table: name, ...result })
    terminal.print(
      result.replaced === 0
        ? `Nothing to do: ${plural(result.kept, 'manifest')}`
        : `Wrote ${plural(result.replaced, 'manifest')} as ${result.created} with ${plural(result.entries, 'file')}`,
    )
  })
}
