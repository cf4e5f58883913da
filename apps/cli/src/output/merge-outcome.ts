import { formatIdentifier, type MergeOutcome, type MergeResult } from '@phlo/ports'
import type { Terminal } from './terminal.js'
import { textTable } from './text-table.js'

/** What was merged, as it is printed as JSON. */
export function plainMerge({ tables, views, namespaces, ...rest }: MergeResult, dryRun: boolean): object {
  return {
    ...rest,
    dryRun,
    tables: tables.map(({ identifier, ...outcome }) => ({ table: formatIdentifier(identifier), ...outcome })),
    views: views.map(({ identifier, ...outcome }) => ({ view: formatIdentifier(identifier), ...outcome })),
    namespaces: namespaces.map(({ namespace, ...outcome }) => ({ namespace: namespace.join('.'), ...outcome })),
  }
}

/** What happened to each namespace, table and view, with the reasons of conflicts. Gives the outcomes. */
export function printOutcomes(terminal: Terminal, { tables, views, namespaces }: MergeResult): MergeOutcome[] {
  const items = [
    ...namespaces.map(({ namespace, ...rest }) => ({ kind: 'namespace', name: namespace.join('.'), ...rest })),
    ...tables.map(({ identifier, ...rest }) => ({ kind: 'table', name: formatIdentifier(identifier), ...rest })),
    ...views.map(({ identifier, ...rest }) => ({ kind: 'view', name: formatIdentifier(identifier), ...rest })),
  ]
  if (items.length > 0)
    terminal.print(
      textTable(
        terminal,
        [{ title: 'outcome' }, { title: 'kind' }, { title: 'name' }, { title: 'change' }],
        items.map(({ outcome, kind, name, change }) => [outcome, kind, name, change]),
      ),
    )
  for (const { name, reason } of items)
    if (reason !== undefined) terminal.print(`${terminal.colors.red('conflict')} ${name}: ${reason}`)
  return items.map(({ outcome }) => outcome)
}
