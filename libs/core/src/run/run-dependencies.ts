import type {
  CheckKind,
  EventListener,
  IngestEngine,
  QueryEngine,
  Source,
  StateStore,
  VersionedCatalog,
} from '@phlo/ports'
import type { AssetGraph } from '../assets/asset-graph.js'
import type { Clock } from './retrying.js'

/** Where a run works, and which other runs' places are gone. */
export interface RunHost {
  /** This process, as run records name it. */
  readonly owner: string
  /** Whose name commits bear. */
  readonly author: string
  /** Is it certain that the process of that name has ended? */
  readonly isGone: (owner: string) => boolean
}

/** How runs use branches, from `audit` in phlo.yaml. */
export interface AuditPolicy {
  /** A branch's name; `{run_id}` stands for the run's id. */
  readonly branch: string
  /** How long branches of runs that were not published stay, in milliseconds. */
  readonly keepFailed: number
}

export interface RunDependencies {
  readonly graph: AssetGraph
  readonly catalog: VersionedCatalog
  readonly queries: QueryEngine
  readonly ingestion: IngestEngine
  readonly sources: readonly Source[]
  readonly checkKinds: readonly CheckKind[]
  readonly state: StateStore
  readonly listeners: readonly EventListener[]
  readonly projectDir: string
  readonly profile: string
  readonly audit: AuditPolicy
  readonly host: RunHost
  readonly clock: Clock
}
