import type { Terminal } from './terminal.js'

export interface Column {
  readonly title: string
  /** Numbers stand to the right. */
  readonly align?: 'left' | 'right'
}

/** Longer cells are cut where people look at them. */
const widestCell = 60

/** Rows under titles, in columns. */
export function textTable(
  terminal: Terminal,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const cells = rows.map((row) => row.map(cut))
  const widths = columns.map(({ title }, index) =>
    Math.max(width(title), ...cells.map((row) => width(row[index] ?? ''))),
  )
  const line = (row: readonly string[]) =>
    columns
      .map(({ align }, index) => {
        const text = row[index] ?? ''
        const space = ' '.repeat((widths[index] as number) - width(text))
        return align === 'right' ? space + text : text + space
      })
      .join('  ')
      .trimEnd()
  const head = terminal.colors.bold(line(columns.map(({ title }) => title)))
  const rule = terminal.colors.dim(widths.map((count) => '─'.repeat(count)).join('  '))
  return [head, rule, ...cells.map(line)].join('\n')
}

function cut(text: string): string {
  const single = text.replace(/[\r\n\t]+/g, ' ')
  return single.length > widestCell ? `${single.slice(0, widestCell - 1)}…` : single
}

/** Characters as a terminal counts them: East Asian wide ones take two places, combining ones none. */
function width(text: string): number {
  let total = 0
  for (const char of text) {
    if (/\p{Mark}/u.test(char)) continue
    total +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u.test(
        char,
      )
        ? 2
        : 1
  }
  return total
}

/** A value as a table's cell; what is missing shows as `nothing`. */
export function cellText(value: unknown, nothing = '∅'): string {
  if (value === null || value === undefined) return nothing
  if (typeof value === 'string') return value
  return typeof value === 'object' ? JSON.stringify(value) : `${value as number | bigint | boolean}`
}
