import { planScan } from '@phlo/iceberg'
import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { formatBytes, formatCount, plural } from '../../output/numbers.js'
import { cellText, textTable } from '../../output/text-table.js'
import { withTable } from './opened-lake.js'

export async function files(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: { ref: string },
): Promise<number> {
  const { terminal } = context
  return withTable(context, globals, { name, ref: options.ref }, async ({ metadata }, opened) => {
    const found: { path: string; partition: string; rows: number; bytes: number }[] = []
    for await (const { file } of planScan(opened.store, metadata)) {
      const spec = metadata['partition-specs'].find((candidate) => candidate['spec-id'] === file.specId)
      const partition = (spec?.fields ?? [])
        .map((field, index) => `${field.name}=${partitionText(field.transform, file.partition[index] ?? null)}`)
        .join('/')
      found.push({ path: file.path, partition, rows: file.recordCount, bytes: file.fileSize })
    }
    found.sort((a, b) => (a.partition < b.partition ? -1 : a.partition > b.partition ? 1 : 0))
    if (globals.json) return terminal.json(found)
    terminal.print(
      textTable(
        terminal,
        [
          { title: 'file' },
          { title: 'partition' },
          { title: 'rows', align: 'right' },
          { title: 'size', align: 'right' },
        ],
        found.map(({ path, partition, rows, bytes }) => [
          path.slice(path.lastIndexOf('/') + 1),
          partition,
          formatCount(rows),
          formatBytes(bytes),
        ]),
      ),
    )
    terminal.print(
      terminal.colors.dim(
        `(${plural(found.length, 'file')}, ${formatBytes(found.reduce((sum, { bytes }) => sum + bytes, 0))})`,
      ),
    )
  })
}

/** Periods as people write them; they are counted since 1970. */
function partitionText(transform: string, value: unknown): string {
  if (value === null) return 'null'
  const count = Number(value)
  if (transform === 'day') return new Date(count * 86_400_000).toISOString().slice(0, 10)
  if (transform === 'hour') return new Date(count * 3_600_000).toISOString().slice(0, 13)
  if (transform === 'month') return new Date(Date.UTC(1970, count, 1)).toISOString().slice(0, 7)
  return transform === 'year' ? String(1970 + count) : cellText(value)
}
