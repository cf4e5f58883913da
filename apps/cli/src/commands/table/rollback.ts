import { refSnapshot, snapshotAsOf, snapshotById } from '@phlo/iceberg'
import { PhloError } from '@phlo/ports'
import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { formatTime } from '../../output/numbers.js'
import { withTable } from './opened-lake.js'

export async function rollback(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: { ref: string; to: string },
): Promise<number> {
  return withTable(context, globals, { name, ref: options.ref }, async ({ metadata, identifier }, opened) => {
    const time = new Date(options.to)
    const snapshot = /^\d{5,}$/.test(options.to)
      ? snapshotById(metadata, BigInt(options.to))
      : Number.isNaN(time.getTime())
        ? undefined
        : snapshotAsOf(metadata, time)
    if (!snapshot) {
      throw new PhloError('PHLO_SNAPSHOT_NOT_FOUND', `${name} has no snapshot ${options.to}`, {
        hint: `List them: phlo table snapshots ${name}`,
      })
    }
    const id = snapshot['snapshot-id']
    await opened.catalog.commit(
      [
        {
          kind: 'table',
          identifier,
          requirements: [
            { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
            {
              type: 'assert-ref-snapshot-id',
              ref: 'main',
              'snapshot-id': refSnapshot(metadata)?.['snapshot-id'] ?? null,
            },
          ],
          updates: [{ action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': id }],
        },
      ],
      { ref: options.ref, message: `Roll ${name} back to snapshot ${id}` },
    )
    if (globals.json) context.terminal.json({ table: name, snapshot: String(id) })
    else context.terminal.print(`${name} is at snapshot ${id} again, as of ${formatTime(snapshot['timestamp-ms'])} UTC`)
  })
}
