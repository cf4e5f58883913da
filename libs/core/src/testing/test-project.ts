import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import type { EventListener, ObjectStore, PublishedEvent, VersionedCatalog } from '@phlo/ports'
import { parseIdentifier, type TableIdentifier } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import type { Asset, AssetCheck, IngestionAsset, LoadResult, ModelAsset } from '../assets/asset.js'
import { AssetGraph } from '../assets/asset-graph.js'
import { executeRun, type RunRequest } from '../run/execute-run.js'
import type { RunDependencies } from '../run/run-dependencies.js'
import { FakeEngine, fakeKind, type Row } from './fake-engine.js'
import { MemoryStateStore } from './memory-state-store.js'

export function table(name: string): TableIdentifier {
  const identifier = parseIdentifier(name)
  if (!identifier) throw new Error(name)
  return identifier
}

/** An ingestion asset that a function feeds; three rows unless told otherwise. */
export function ingested(
  key: string,
  given: Partial<IngestionAsset> & { load?: () => LoadResult } = {},
): IngestionAsset {
  const { load = () => [{ id: 1 }, { id: 2 }, { id: 3 }], ...rest } = given
  return {
    kind: 'ingestion',
    key,
    target: table(key),
    tags: [],
    upstream: [],
    checks: [],
    codeVersion: '1',
    schema: {
      columns: [
        { name: 'id', type: 'long', required: true, optional: false, rules: [], unique: false },
        { name: 'at', type: 'timestamptz', required: true, optional: false, rules: [], unique: false },
      ],
    },
    strategy: { kind: 'overwrite' },
    partitionBy: [],
    unexpectedColumns: 'freeze',
    strict: false,
    source: { kind: 'function', load },
    ...rest,
  }
}

/** A model that reads its upstream assets. */
export function model(key: string, upstream: readonly string[], given: Partial<ModelAsset> = {}): ModelAsset {
  return {
    kind: 'model',
    key,
    target: table(key),
    tags: [],
    upstream,
    checks: [],
    codeVersion: '1',
    sql: `SELECT * FROM ${upstream.join(', ')}`,
    inputs: upstream.map(table),
    partitionBy: [],
    columnDocs: {},
    ...given,
  }
}

/** A blocking check that `options` describes; see `fakeKind`. */
export function checked(options: unknown, given: Partial<AssetCheck> = {}): AssetCheck {
  return {
    kind: 'fake',
    options,
    name: 'check',
    severity: 'error',
    blocking: true,
    scope: 'partition',
    layer: 'table',
    source: 'phlo',
    ...given,
  }
}

/** Everything that a run needs, in memory: a real catalog, a fake engine. */
export class TestProject implements EventListener {
  readonly name = 'test'
  readonly catalog: VersionedCatalog
  readonly engine: FakeEngine
  readonly state = new MemoryStateStore()
  readonly events: PublishedEvent[] = []
  /** How long runs waited, in their order. */
  readonly slept: number[] = []
  /** Names of processes that have ended. */
  readonly gone = new Set<string>()

  /** Projects of one lake share `rowsOf`. */
  constructor(catalog: VersionedCatalog, store: ObjectStore, rowsOf?: Map<string, readonly Row[]>) {
    this.catalog = catalog
    this.engine = new FakeEngine(catalog, store, rowsOf)
  }

  static async open(): Promise<TestProject> {
    const store = new MemoryObjectStore()
    return new TestProject(await EmbeddedCatalog.open(store), store)
  }

  onEvent(event: PublishedEvent): void {
    this.events.push(event)
  }

  dependencies(assets: readonly Asset[], given: Partial<RunDependencies> = {}): RunDependencies {
    return {
      graph: new AssetGraph(assets),
      catalog: this.catalog,
      queries: this.engine,
      ingestion: this.engine,
      sources: [],
      checkKinds: [fakeKind],
      state: this.state,
      listeners: [this],
      projectDir: '/project',
      profile: 'local',
      audit: { branch: 'pipeline-run-{run_id}', keepFailed: 7 * 86_400_000 },
      clock: { sleep: async (milliseconds) => void this.slept.push(milliseconds), random: () => 1 },
      host: { owner: 'here:1', author: 'me', isGone: (owner) => this.gone.has(owner) },
      ...given,
    }
  }

  run(assets: readonly Asset[], request: RunRequest = {}, given: Partial<RunDependencies> = {}) {
    return executeRun(this.dependencies(assets, given), request)
  }

  async head(ref = 'main'): Promise<string | undefined> {
    return (await this.catalog.getRef(ref))?.commit
  }

  /** Names of all branches but main. */
  async branches(): Promise<string[]> {
    return (await this.catalog.listRefs()).map(({ name }) => name).filter((name) => name !== 'main')
  }

  /** The types of what listeners heard, progress left out. */
  heard(): string[] {
    return this.events.map(({ type }) => type).filter((type) => type !== 'step-progress')
  }
}

/** The catalog with some methods replaced. */
export function withMethods(catalog: VersionedCatalog, methods: Partial<VersionedCatalog>): VersionedCatalog {
  return new Proxy(catalog, {
    get: (target, name) => {
      const own: unknown = Reflect.get(methods, name)
      if (own !== undefined) return own
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
