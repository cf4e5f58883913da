import { type MetadataTableName, metadataTableNames } from '@phlo/iceberg'
import type { TableIdentifier } from '@phlo/ports'

/**
 * What a name such as `flights$snapshots` asks of a table: one of its metadata tables, its changes, the rows that were
 * appended to it, or its rows with where each is and since when.
 */
export type About = MetadataTableName | 'changes' | 'appends' | 'rows'

const names: ReadonlySet<string> = new Set([...metadataTableNames, 'changes', 'appends', 'rows'])

/** The table that a name is about, and what of it; the name itself when it is no such one. */
export function aboutTable(identifier: TableIdentifier): { readonly base: TableIdentifier; readonly about?: About } {
  const dollar = identifier.name.lastIndexOf('$')
  const about = identifier.name.slice(dollar + 1).toLowerCase()
  if (dollar <= 0 || !names.has(about)) return { base: identifier }
  return { base: { ...identifier, name: identifier.name.slice(0, dollar) }, about: about as About }
}
