import type { TableDifference } from '@phlo/core'
import { formatIdentifier } from '@phlo/ports'
import { formatCount, plural } from './numbers.js'
import type { Terminal } from './terminal.js'
import { textTable } from './text-table.js'

/** A table's difference as it is printed as JSON. */
export function plainDifference({ identifier, snapshots, ...rest }: TableDifference): object {
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
