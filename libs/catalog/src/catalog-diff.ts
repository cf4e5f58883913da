import type { CatalogDiff, NamespaceDiff, TableDiff } from '@phlo/ports'
import type { CatalogDifference, CatalogValue } from './catalog-state.js'
import { parseKey } from './table-keys.js'

export function changeOf({ before, after }: CatalogDifference): 'added' | 'removed' | 'changed' {
  return before ? (after ? 'changed' : 'removed') : 'added'
}

/** The differences of two states as the port tells them. `uri` gives the URI of a metadata file's key. */
export function catalogDiff(differences: readonly CatalogDifference[], uri: (key: string) => string): CatalogDiff {
  const ofType = (type: CatalogValue['type']) =>
    differences.flatMap(({ key, before, after }) => {
      // A name may pass from a table to a view: then one of them is removed and the other added.
      const mine = {
        key,
        before: before?.type === type ? before : undefined,
        after: after?.type === type ? after : undefined,
      }
      return mine.before || mine.after ? [mine] : []
    })
  const files = (type: 'table' | 'view'): TableDiff[] =>
    ofType(type).map((difference) => ({
      identifier: parseKey(difference.key),
      change: changeOf(difference),
      ...(difference.before && 'metadata' in difference.before && { before: uri(difference.before.metadata) }),
      ...(difference.after && 'metadata' in difference.after && { after: uri(difference.after.metadata) }),
    }))
  return {
    tables: files('table'),
    views: files('view'),
    namespaces: ofType('namespace').map((difference): NamespaceDiff => ({
      namespace: parseKey(difference.key).namespace,
      change: changeOf(difference),
      ...(difference.before && 'properties' in difference.before && { before: difference.before.properties }),
      ...(difference.after && 'properties' in difference.after && { after: difference.after.properties }),
    })),
  }
}
