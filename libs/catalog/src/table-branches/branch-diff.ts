import { mainTableBranch } from '@phlo/iceberg'
import { type CatalogDiff, formatIdentifier, type LoadedTable, type TableDiff, type TableMetadata } from '@phlo/ports'
import { onBranch } from './branch-view.js'
import { mainState } from './main-watch.js'

/** Which of the tables are not the same on two lake branches, main among them. */
export function branchDiff(tables: readonly LoadedTable[], from: string, to: string): CatalogDiff {
  const found = new Map<string, TableDiff>()
  for (const { identifier, metadata, metadataLocation } of tables) {
    const [before, after] = [from, to].map((ref) => mainState(stateAt(metadata, ref)))
    if (before === after) continue
    found.set(formatIdentifier(identifier), {
      identifier,
      change: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
      ...(before !== undefined && { before: metadataLocation }),
      ...(after !== undefined && { after: metadataLocation }),
    })
  }
  const inOrder = [...found].sort(([a], [b]) => (a < b ? -1 : 1))
  return { tables: inOrder.map(([, difference]) => difference), views: [], namespaces: [] }
}

function stateAt(table: TableMetadata, ref: string): TableMetadata {
  return ref === mainTableBranch ? table : onBranch(table, ref)
}
