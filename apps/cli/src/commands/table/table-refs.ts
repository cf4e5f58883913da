import { createRef, removeRef } from '@phlo/iceberg'
import { PhloError } from '@phlo/ports'
import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { formatTime } from '../../output/numbers.js'
import { textTable } from '../../output/text-table.js'
import type { TableRefFlags } from './flags.js'
import { maintained, withTable } from './opened-lake.js'

/** Lists a table's own branches and tags. */
export async function refs(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: { ref: string },
): Promise<number> {
  const { terminal } = context
  return withTable(context, globals, { name, ref: options.ref }, async ({ metadata }) => {
    if (globals.json) return terminal.json(metadata.refs ?? {})
    const times = new Map((metadata.snapshots ?? []).map((item) => [item['snapshot-id'], item['timestamp-ms']]))
    terminal.print(
      textTable(
        terminal,
        [{ title: 'ref' }, { title: 'type' }, { title: 'snapshot' }, { title: 'time (UTC)' }],
        Object.entries(metadata.refs ?? {}).map(([ref, { type, 'snapshot-id': id }]) => [
          ref,
          type,
          String(id),
          formatTime(times.get(id) ?? 0),
        ]),
      ),
    )
  })
}

/** Makes or deletes a branch or tag of one table, which travels with the table wherever it is read. */
export async function changeRef(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  ref: string,
  type: 'branch' | 'tag',
  options: TableRefFlags,
): Promise<number> {
  const { terminal } = context
  return withTable(context, globals, { name, ref: options.ref }, async (loaded, opened) => {
    const existing = loaded.metadata.refs?.[ref]
    if (options.delete && existing && existing.type !== type)
      throw new PhloError('PHLO_REF_INVALID', `${ref} is a ${existing.type} of ${name}, no ${type}`)
    const [snapshotId] = options.snapshot ?? []
    const change = options.delete
      ? removeRef(ref)
      : createRef(ref, type, { ...(snapshotId !== undefined && { snapshotId }) })
    const { updates, requirements = [] } = change(loaded.metadata)
    const uuid = { type: 'assert-table-uuid', uuid: loaded.metadata['table-uuid'] } as const
    const message = `${options.delete ? 'Delete' : 'Make'} ${type} ${ref} of ${name}`
    const metadata = await maintained(opened, loaded, options.ref, message).commit([uuid, ...requirements], updates)
    const at = (options.delete ? existing : metadata.refs?.[ref])?.['snapshot-id']
    if (globals.json)
      terminal.json({ table: name, [type]: ref, snapshot: at, ...(options.delete && { deleted: true }) })
    else
      terminal.print(
        options.delete ? `${type} ${ref} of ${name} is gone` : `${type} ${ref} of ${name} is at snapshot ${at}`,
      )
  })
}
