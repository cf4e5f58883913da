import { findTable, refSnapshot } from '@phlo/iceberg'
import { formatIdentifier, parseIdentifier, PhloError } from '@phlo/ports'
import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { formatCount } from '../../output/numbers.js'
import { storeUri } from './store-uri.js'
import { withLake } from './opened-lake.js'

/** Takes a table that another program made into the lake, by its metadata file or its folder. */
export async function register(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  location: string,
  options: { ref: string; dryRun?: boolean },
): Promise<number> {
  const { terminal } = context
  return withLake(context, globals, options.ref, async ({ catalog, store }) => {
    const identifier = parseIdentifier(name)
    if (!identifier) throw new PhloError('PHLO_TABLE_NOT_FOUND', `${name} is no name of a table: namespace.name`)
    const { metadata, metadataLocation } = await findTable(store, storeUri(location))
    const { 'format-version': version, 'table-uuid': uuid } = metadata
    const rows = Number(refSnapshot(metadata)?.summary?.['total-records'] ?? 0)
    const told = { table: name, metadataLocation, uuid, formatVersion: version, rows }
    if (options.dryRun) {
      if (globals.json) return terminal.json({ ...told, dryRun: true })
      return terminal.print(
        `Would register ${metadataLocation} as ${name}: Iceberg v${version}, ${formatCount(rows)} rows`,
      )
    }
    await catalog.commit(
      [
        { kind: 'create-namespace', namespace: identifier.namespace, ifNotExists: true },
        { kind: 'register-table', identifier, metadataLocation },
      ],
      { ref: options.ref, message: `Register ${formatIdentifier(identifier)}` },
    )
    if (globals.json) terminal.json(told)
    else terminal.print(`${name} is registered: Iceberg v${version}, ${formatCount(rows)} rows`)
  })
}
