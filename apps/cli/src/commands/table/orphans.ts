import { everyMetadataFile, type OrphanSearch, planOrphanRemoval, removeOrphans, type TableState } from '@phlo/iceberg'
import { isVersioned, type LoadedTable } from '@phlo/ports'
import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { formatBytes, formatCount, formatTime, plural } from '../../output/numbers.js'
import { textTable } from '../../output/text-table.js'
import { printRemoved } from './expire.js'
import type { OrphansFlags } from './flags.js'
import { type Opened, withTable } from './opened-lake.js'

/** Finds files in a table's folder that nothing refers to, and deletes them when asked to. */
export async function orphans(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: OrphansFlags,
): Promise<number> {
  const { terminal } = context
  return withTable(context, globals, { name, ref: options.ref }, async (table, opened) => {
    const search: OrphanSearch = {
      location: table.metadata.location,
      states: () => everyState(opened, table),
      otherTables: await otherFolders(opened, table),
      ...(options.olderThan && { olderThan: options.olderThan }),
      ...(options.allowYoung && { allowYoung: true }),
    }
    const plan = await planOrphanRemoval(opened.store, search)
    const files = options.delete ? await removeOrphans(opened.store, search, plan) : undefined
    if (globals.json) return terminal.json({ table: name, ...plan, ...(files && { removed: files }) })
    if (plan.files.length > 0) {
      terminal.print(
        textTable(
          terminal,
          [{ title: 'file' }, { title: 'size', align: 'right' }, { title: 'changed (UTC)' }],
          plan.files.map(({ path, size, modified }) => [
            path.slice(table.metadata.location.length + 1),
            formatBytes(size),
            formatTime(modified),
          ]),
        ),
      )
    }
    terminal.print(
      `${plural(plan.files.length, 'orphan')} (${formatBytes(plan.bytes)}) of ${plural(plan.examined, 'file')}; ` +
        `${formatCount(plan.young)} too young to tell`,
    )
    if (files) printRemoved(context, files)
    else if (plan.files.length > 0) terminal.print(`Delete them: phlo table orphans ${name} --delete`)
  })
}

/** Whatever a ref or an older commit of the lake may lead to. */
async function* everyState({ catalog, store }: Opened, table: LoadedTable): AsyncGenerator<TableState> {
  const { identifier } = table
  if (isVersioned(catalog)) {
    for (const { name: ref } of await catalog.listRefs()) {
      const state = await catalog.loadTable(identifier, { ref })
      if (state?.metadata['table-uuid'] === table.metadata['table-uuid']) yield state
    }
    yield* everyMetadataFile(store, table.metadata.location)
  } else {
    const state = await catalog.loadTable(identifier)
    if (state) yield state
  }
}

/** Where the lake's other tables are. */
async function otherFolders({ catalog }: Opened, table: LoadedTable): Promise<string[]> {
  const folders = new Set<string>()
  const refs = isVersioned(catalog) ? (await catalog.listRefs()).map(({ name }) => name) : ['main']
  for (const ref of refs) {
    for (const identifier of await catalog.listTables({ ref })) {
      const other = await catalog.loadTable(identifier, { ref })
      if (!other || other.metadata['table-uuid'] === table.metadata['table-uuid']) continue
      folders.add(other.metadata.location)
      for (const property of ['write.data.path', 'write.metadata.path']) {
        const folder = other.metadata.properties?.[property]
        if (folder !== undefined) folders.add(folder)
      }
    }
  }
  return [...folders]
}
