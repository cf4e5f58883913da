import { currentSchema, formatType, refSnapshot } from '@phlo/iceberg'
import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { formatCount } from '../../output/numbers.js'
import { textTable } from '../../output/text-table.js'
import { withTable } from './opened-lake.js'

export async function show(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: { ref: string },
): Promise<number> {
  const { terminal } = context
  return withTable(context, globals, { name, ref: options.ref }, async ({ metadata, metadataLocation }) => {
    if (globals.json) return terminal.json({ table: name, metadataLocation, metadata })
    const { bold, dim } = terminal.colors
    const schema = currentSchema(metadata)
    const spec = metadata['partition-specs'].find((candidate) => candidate['spec-id'] === metadata['default-spec-id'])
    const comment = metadata.properties?.['comment']
    terminal.print(`${bold(name)}${comment === undefined ? '' : `  ${comment}`}`)
    terminal.print(dim(`Iceberg v${metadata['format-version']}, ${metadata['table-uuid']}`))
    terminal.print(dim(metadataLocation))
    terminal.print()
    terminal.print(
      textTable(
        terminal,
        [
          { title: 'id', align: 'right' },
          { title: 'column' },
          { title: 'type' },
          { title: 'null' },
          { title: 'description' },
        ],
        schema.fields.map(({ id, name: column, type, required, doc }) => [
          String(id),
          column,
          formatType(type),
          required ? 'no' : 'yes',
          doc ?? '',
        ]),
      ),
    )
    const partitions = (spec?.fields ?? []).map(({ transform, 'source-id': source }) => {
      const column = schema.fields.find(({ id }) => id === source)?.name ?? String(source)
      return transform === 'identity' ? column : `${transform}(${column})`
    })
    terminal.print(`\npartitioned by  ${partitions.join(', ') || 'nothing'}`)
    terminal.print(`rows            ${formatCount(Number(refSnapshot(metadata)?.summary?.['total-records'] ?? 0))}`)
    for (const [key, value] of Object.entries(metadata.properties ?? {}))
      if (key !== 'comment') terminal.print(dim(`${key} = ${value}`))
  })
}
