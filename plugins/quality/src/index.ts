import { type CheckKind, CheckKindPort, definePlugin, pluginApiVersion, provide } from '@phlo/ports'
import { acceptedValuesCheck } from './kinds/accepted-values-check.js'
import { countCheck } from './kinds/count-check.js'
import { customSqlCheck } from './kinds/custom-sql-check.js'
import { freshnessCheck } from './kinds/freshness-check.js'
import { lengthCheck } from './kinds/length-check.js'
import { nullCheck } from './kinds/null-check.js'
import { patternCheck } from './kinds/pattern-check.js'
import { rangeCheck } from './kinds/range-check.js'
import { referentialCheck } from './kinds/referential-check.js'
import { uniqueCheck } from './kinds/unique-check.js'

/** Every kind of check of this plugin. */
export const checkKinds: readonly CheckKind[] = [
  nullCheck,
  uniqueCheck,
  rangeCheck,
  acceptedValuesCheck,
  patternCheck,
  lengthCheck,
  countCheck,
  freshnessCheck,
  referentialCheck,
  customSqlCheck,
] as readonly CheckKind[]

export default definePlugin({
  apiVersion: pluginApiVersion,
  name: '@phlo/quality',
  provides: [CheckKindPort],
  setup: () => checkKinds.map((kind) => provide(CheckKindPort, kind)),
})
