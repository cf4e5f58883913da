import type { Asset, AssetCheck, Schedule } from '@phlo/core'
import type { SourceLocation } from '@phlo/ports'

/** Checks that are declared apart from their asset. */
export interface DeclaredQuality {
  /** The asset's key or its table's own name. */
  readonly table: string
  readonly checks: readonly AssetCheck[]
  readonly location?: SourceLocation
}

/** A decorated method that is not static: it needs an instance of its class. */
export interface DecoratedMethod {
  /** Of its class. */
  readonly metadata: object
  readonly method: string
  readonly location?: SourceLocation
}

/** Everything that workflow files declared, exported or not: what is declared counts. */
export interface Declarations {
  readonly assets: Asset[]
  readonly quality: DeclaredQuality[]
  readonly schedules: Schedule[]
  readonly decorated: DecoratedMethod[]
}

/** On `globalThis`, so that the project's copy of this package and the program's share it. */
const collectorKey = Symbol.for('@phlo/authoring/declarations')
interface Holder {
  [collectorKey]?: Declarations | undefined
}

/** What is declared while `work` runs. */
export async function collect(work: (decorated: readonly DecoratedMethod[]) => Promise<void>): Promise<Declarations> {
  const holder = globalThis as Holder
  const outer = holder[collectorKey]
  const declarations: Declarations = { assets: [], quality: [], schedules: [], decorated: [] }
  holder[collectorKey] = declarations
  try {
    await work(declarations.decorated)
    return declarations
  } finally {
    holder[collectorKey] = outer
  }
}

/** The declarations that are being collected; outside of a collection (a user's own script, say) they go nowhere. */
export function declarations(): Declarations {
  return (globalThis as Holder)[collectorKey] ?? { assets: [], quality: [], schedules: [], decorated: [] }
}
