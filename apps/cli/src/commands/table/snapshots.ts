import { refSnapshot } from '@phlo/iceberg'
import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { formatCount, formatTime } from '../../output/numbers.js'
import { textTable } from '../../output/text-table.js'
import { withTable } from './opened-lake.js'

export async function snapshots(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: { ref: string },
): Promise<number> {
  const { terminal } = context
  return withTable(context, globals, { name, ref: options.ref }, async ({ metadata }) => {
    const current = refSnapshot(metadata)
    const all = [...(metadata.snapshots ?? [])].reverse()
    if (globals.json) return terminal.json(all)
    terminal.print(
      textTable(
        terminal,
        [
          { title: '' },
          { title: 'snapshot' },
          { title: 'time (UTC)' },
          { title: 'operation' },
          { title: 'added', align: 'right' },
          { title: 'deleted', align: 'right' },
          { title: 'rows', align: 'right' },
          { title: 'run' },
        ],
        all.map((snapshot) => {
          const count = (key: string) => formatCount(Number(snapshot.summary?.[key] ?? 0))
          return [
            snapshot === current ? '*' : '',
            String(snapshot['snapshot-id']),
            formatTime(snapshot['timestamp-ms']),
            snapshot.summary?.operation ?? '',
            count('added-records'),
            count('deleted-records'),
            count('total-records'),
            snapshot.summary?.['phlo.run-id'] ?? '',
          ]
        }),
      ),
    )
  })
}
