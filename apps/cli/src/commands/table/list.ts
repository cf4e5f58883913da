import { currentSnapshot, rowCount } from '@phlo/core'
import { formatIdentifier } from '@phlo/ports'
import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { formatBytes, formatCount, formatTime } from '../../output/numbers.js'
import { textTable } from '../../output/text-table.js'
import { withLake } from './opened-lake.js'

export async function list(context: CommandContext, globals: GlobalOptions, options: { ref: string }): Promise<number> {
  const { terminal } = context
  return withLake(context, globals, options.ref, async ({ catalog, ref }) => {
    const tables = await Promise.all(
      (await catalog.listTables({ ref })).map(async (identifier) => {
        const table = await catalog.loadTable(identifier, { ref })
        const summary = currentSnapshot(table)?.summary
        return {
          table: formatIdentifier(identifier),
          rows: rowCount(table),
          files: Number(summary?.['total-data-files'] ?? 0),
          bytes: Number(summary?.['total-files-size'] ?? 0),
          snapshots: table?.metadata.snapshots?.length ?? 0,
          updated: table ? new Date(table.metadata['last-updated-ms']).toISOString() : undefined,
        }
      }),
    )
    if (globals.json) return terminal.json(tables)
    if (tables.length === 0) return terminal.print('There are no tables yet. Make some: phlo run')
    const right = 'right' as const
    terminal.print(
      textTable(
        terminal,
        [
          { title: 'table' },
          { title: 'rows', align: right },
          { title: 'files', align: right },
          { title: 'size', align: right },
          { title: 'snapshots', align: right },
          { title: 'updated (UTC)' },
        ],
        tables.map(({ table, rows, files, bytes, snapshots, updated }) => [
          table,
          rows === undefined ? '' : formatCount(rows),
          formatCount(files),
          formatBytes(bytes),
          formatCount(snapshots),
          updated === undefined ? '' : formatTime(Date.parse(updated)),
        ]),
      ),
    )
  })
}
