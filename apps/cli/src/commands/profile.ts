import { type ColumnProfile, profileTable, type TableProfile } from '@phlo/core'
import { CatalogPort, parseRefSpec, QueryEnginePort, resolveRef } from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withPlugins } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import { formatCount, plural } from '../output/numbers.js'
import type { Terminal } from '../output/terminal.js'
import { cellText, textTable } from '../output/text-table.js'
import { requireIdentifier } from './opened-catalog.js'

export async function profile(
  context: CommandContext,
  globals: GlobalOptions,
  table: string,
  flags: { readonly ref: string },
): Promise<number> {
  return withPlugins(context, globals, async ({ composition }) => {
    const catalog = composition.get(CatalogPort)
    const found = await profileTable(
      { catalog, queries: composition.get(QueryEnginePort) },
      {
        table: requireIdentifier(table, 'The table'),
        ref: await resolveRef(catalog, parseRefSpec(flags.ref)),
        signal: context.signal,
      },
    )
    if (globals.json) context.terminal.json(found)
    else context.terminal.print(profileText(context.terminal, found))
    return exitCode.ok
  })
}

function profileText(terminal: Terminal, { table, rows, columns, suggestions }: TableProfile): string {
  const { bold, dim } = terminal.colors
  const right = { align: 'right' } as const
  const shown = textTable(
    terminal,
    [
      { title: 'column' },
      { title: 'type' },
      { title: 'nulls', ...right },
      { title: 'distinct', ...right },
      { title: 'min' },
      { title: 'max' },
      { title: 'mean', ...right },
      { title: 'values' },
    ],
    columns.map((column) => [
      column.name,
      column.type,
      formatCount(column.nulls),
      column.distinct ? `${column.distinct.isExact ? '' : '≈ '}${formatCount(column.distinct.count)}` : '',
      cellText(column.min, ''),
      cellText(column.max, ''),
      column.mean === undefined || !/^(int|long|float|double|decimal)/.test(column.type)
        ? ''
        : String(Number(column.mean.toPrecision(6))),
      picture(column),
    ]),
  )
  return [
    `${bold(table)}  ${dim(plural(rows, 'row'))}`,
    '',
    shown,
    ...(suggestions.length === 0
      ? []
      : ['', bold('Checks that would pass'), ...suggestions.map(({ code, why }) => `  ${code}  ${dim(`// ${why}`)}`)]),
  ].join('\n')
}

const blocks = '▁▂▃▄▅▆▇█'

/** A histogram as a line of blocks, or the most frequent values. */
function picture({ histogram, values }: ColumnProfile): string {
  if (histogram) {
    const most = Math.max(...histogram.map(({ rows }) => rows), 1)
    return histogram
      .map(({ rows }) => (rows === 0 ? ' ' : blocks.charAt(Math.ceil((rows / most) * blocks.length) - 1)))
      .join('')
  }
  return (values ?? [])
    .slice(0, 4)
    .map(({ value, rows }) => `${value} (${formatCount(rows)})`)
    .join(', ')
}
