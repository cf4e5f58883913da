export { noNamespace, noRef, noTable, noView, refMoved, refProtected } from './catalog-errors.js'
export { catalogDiff } from './catalog-diff.js'
export {
  type CatalogDifference,
  type CatalogState,
  type CatalogValue,
  namespaceValue,
  sameValue,
} from './catalog-state.js'
export { type ChangeContext, ChangeSet } from './change-set.js'
export { inParallel } from './in-parallel.js'
export { type MergePlan, type MergeSides, planMerge, refuseConflicts } from './merge-plan.js'
export { MetadataFiles } from './metadata-files.js'
export { newLocation, tablesPrefix } from './new-location.js'
export { checkRefName } from './ref-name.js'
export { namespaceKey, parseKey, tableKey } from './table-keys.js'
export { TableBranches } from './table-branches/table-branches.js'
export { TableRebases } from './table-rebases.js'
