import { expireSnapshots, filesExpiredBy, planExpiry, type RemovedFiles, type TableFileKind } from '@phlo/iceberg'
import { isVersioned, type ObjectStore, type TableMetadata } from '@phlo/ports'
import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { formatBytes, plural } from '../../output/numbers.js'
import type { ExpireFlags } from './flags.js'
import { maintained, withTable } from './opened-lake.js'

/** Removes old snapshots of a table. In a lake with refs the files stay, since other commits may read them. */
export async function expire(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: ExpireFlags,
): Promise<number> {
  const { terminal } = context
  return withTable(context, globals, { name, ref: options.ref }, async (table, opened) => {
    const deleteFiles = !isVersioned(opened.catalog)
    const policy = {
      ...(options.olderThan && { olderThan: options.olderThan }),
      ...(options.keep !== undefined && { keepLast: options.keep }),
      ...(options.snapshot && { snapshotIds: options.snapshot }),
      deleteFiles,
    }
    if (options.dryRun) {
      const { snapshotIds, refs } = planExpiry(table.metadata, policy)
      const files = await count(opened.store, table.metadata, policy)
      if (globals.json) return terminal.json({ table: name, dryRun: true, snapshotIds, refs, deleteFiles, files })
      terminal.print(`Would remove ${removed(snapshotIds, refs)} of ${name}`)
      return terminal.print(
        deleteFiles
          ? `Would delete ${filesText(files)}`
          : `${filesText(files)} would no longer be needed here, and stay for other commits of the lake`,
      )
    }
    const result = await expireSnapshots(maintained(opened, table, options.ref, `Expire snapshots of ${name}`), policy)
    if (globals.json) return terminal.json({ table: name, ...result })
    terminal.print(`Removed ${removed(result.snapshotIds, result.refs)} of ${name}`)
    if (result.files) printRemoved(context, result.files)
    else if (result.snapshotIds.length > 0) terminal.print('Files stay for other commits of the lake')
  })
}

interface Counted {
  readonly deleted: Partial<Record<TableFileKind, number>>
  readonly bytes: number
}

async function count(
  store: ObjectStore,
  metadata: TableMetadata,
  policy: Parameters<typeof planExpiry>[1],
): Promise<Counted> {
  const deleted: Partial<Record<TableFileKind, number>> = {}
  let bytes = 0
  for await (const { kind, size } of filesExpiredBy(store, metadata, planExpiry(metadata, policy))) {
    deleted[kind] = (deleted[kind] ?? 0) + 1
    bytes += size ?? 0
  }
  return { deleted, bytes }
}

function removed(snapshotIds: readonly bigint[], refs: readonly string[]): string {
  const parts = [plural(snapshotIds.length, 'snapshot')]
  if (refs.length > 0) parts.push(`${plural(refs.length, 'ref')} (${refs.join(', ')})`)
  return parts.join(' and ')
}

const names: Readonly<Record<TableFileKind, string>> = {
  data: 'data file',
  deletes: 'delete file',
  manifest: 'manifest',
  'manifest list': 'manifest list',
  statistics: 'statistics file',
  orphan: 'file',
}

function filesText({ deleted, bytes }: Counted): string {
  const kinds = (Object.keys(names) as TableFileKind[]).flatMap((kind) =>
    deleted[kind] === undefined ? [] : [plural(deleted[kind], names[kind])],
  )
  return kinds.length === 0 ? 'no files' : `${kinds.join(', ')} (${formatBytes(bytes)})`
}

/** What became of files that were to be deleted. */
export function printRemoved({ terminal }: CommandContext, files: RemovedFiles): void {
  terminal.print(`Deleted ${filesText(files)}`)
  if (files.outside > 0) terminal.note(`${plural(files.outside, 'file')} outside the store stayed`)
  if (files.failed > 0)
    terminal.note(`The store did not delete ${plural(files.failed, 'file')}; phlo table orphans finds them later`)
}
