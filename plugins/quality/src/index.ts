import { type CheckKind, CheckKindPort, definePlugin, pluginApiVersion, provide } from '@phlo/ports'
import { acceptedValuesCheck } from './kinds/accepted-values-check.js'
import { columnPairCheck } from './kinds/column-pair-check.js'
import { countCheck } from './kinds/count-check.js'
import { customSqlCheck } from './kinds/custom-sql-check.js'
import { distributionCheck } from './kinds/distribution-check.js'
import { duplicatesCheck } from './kinds/duplicates-check.js'
import { freshnessCheck } from './kinds/freshness-check.js'
import { lengthCheck } from './kinds/length-check.js'
import { nullCheck } from './kinds/null-check.js'
import { outliersCheck } from './kinds/outliers-check.js'
import { patternCheck } from './kinds/pattern-check.js'
import { rangeCheck } from './kinds/range-check.js'
import { reconcileAggregatesCheck } from './kinds/reconcile-aggregates-check.js'
import { reconcileChecksumsCheck } from './kinds/reconcile-checksums-check.js'
import { reconcileKeysCheck } from './kinds/reconcile-keys-check.js'
import { reconcileRowsCheck } from './kinds/reconcile-rows-check.js'
import { referentialCheck } from './kinds/referential-check.js'
import { schemaCheck } from './kinds/schema-check.js'
import { uniqueCheck } from './kinds/unique-check.js'
import { volumeCheck } from './kinds/volume-check.js'

/** Every kind of check of this plugin. */
export const checkKinds: readonly CheckKind[] = [
  nullCheck,
  uniqueCheck,
  duplicatesCheck,
  rangeCheck,
  acceptedValuesCheck,
  patternCheck,
  lengthCheck,
  columnPairCheck,
  outliersCheck,
  countCheck,
  freshnessCheck,
  schemaCheck,
  referentialCheck,
  customSqlCheck,
  reconcileRowsCheck,
  reconcileAggregatesCheck,
  reconcileKeysCheck,
  reconcileChecksumsCheck,
  volumeCheck,
  distributionCheck,
] as readonly CheckKind[]

export default definePlugin({
  apiVersion: pluginApiVersion,
  name: '@phlo/quality',
  provides: [CheckKindPort],
  setup: () => checkKinds.map((kind) => provide(CheckKindPort, kind)),
})
