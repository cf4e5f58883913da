import type { PlainRow, PlainValue, TableDifference } from '@phlo/core'
import { formatIdentifier } from '@phlo/ports'
import { formatCount, plural } from './numbers.js'
import type { Terminal } from './terminal.js'
import { cellText, textTable } from './text-table.js'

/** A table's difference as it is printed as JSON. */
export function plainDifference({ identifier, snapshots, comparable: _, ...rest }: TableDifference): object {
  return {
    table: formatIdentifier(identifier),
    ...rest,
    snapshots: snapshots.map(({ 'snapshot-id': id, 'timestamp-ms': time, summary }) => ({
      id,
      time: new Date(time),
      operation: summary?.operation,
    })),
  }
}

/** Which tables differ and how, with their columns and, where they were counted, their rows. */
export function printDifferences(
  terminal: Terminal,
  differences: readonly TableDifference[],
  { from, to }: { readonly from: string; readonly to: string },
): void {
  if (differences.length === 0) return terminal.print(`${from} and ${to} have the same tables.`)
  const count = (rows: number | undefined) => (rows === undefined ? '' : formatCount(rows))
  terminal.print(
    textTable(
      terminal,
      [
        { title: 'table' },
        { title: 'change' },
        { title: `rows in ${from}`, align: 'right' },
        { title: `rows in ${to}`, align: 'right' },
        { title: 'snapshots', align: 'right' },
      ],
      differences.map(({ identifier, change, rowsBefore, rowsAfter, snapshots }) => [
        formatIdentifier(identifier),
        change,
        count(rowsBefore),
        count(rowsAfter),
        formatCount(snapshots.length),
      ]),
    ),
  )
  for (const { identifier, columns, rows } of differences) {
    const table = formatIdentifier(identifier)
    for (const { column, change, class: kind, detail } of columns)
      terminal.print(`${table}.${column}: ${change}, ${kind} (${detail})`)
    if (rows)
      terminal.print(
        `${table}: ${plural(rows.added, 'row')} added, ${formatCount(rows.removed)} removed, ${formatCount(rows.changed)} changed`,
      )
  }
}

/** Rows that differ, as `diffRows` gives them: of one that changed, both values where they are two. */
export function printRows(terminal: Terminal, table: string, rows: readonly PlainRow[], limit: number | undefined) {
  const side = (row: PlainRow, name: 'before' | 'after') => row[name] as Readonly<Record<string, PlainValue>> | null
  const [first] = rows
  const names = Object.keys((first && (side(first, 'after') ?? side(first, 'before'))) ?? {})
  terminal.print()
  terminal.print(
    textTable(
      terminal,
      [{ title: table }, ...names.map((title) => ({ title }))],
      rows.map((row) => {
        const [before, after] = [side(row, 'before'), side(row, 'after')]
        const changed = new Set((row['columns'] as readonly string[] | null) ?? [])
        return [
          row['change'] as string,
          ...names.map((name) =>
            changed.has(name)
              ? `${cellText(before?.[name])} → ${cellText(after?.[name])}`
              : cellText((after ?? before)?.[name]),
          ),
        ]
      }),
    ),
  )
  if (rows.length === limit)
    terminal.print(terminal.colors.dim(`(${plural(limit, 'row')} at most; --limit shows more)`))
}
