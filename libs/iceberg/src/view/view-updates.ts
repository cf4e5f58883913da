import { randomUUID } from 'node:crypto'
import { type IcebergSchema, PhloError, type ViewMetadata, type ViewUpdate, type ViewVersion } from '@phlo/ports'
import { invalid } from '../invalid.js'
import { sameJson } from '../metadata/json.js'
import { currentViewVersion, sqlRepresentations, validateVersion } from './view-metadata.js'
import { withoutProperties } from '../metadata/properties.js'

/** How many versions a view keeps, the current one among them. Spec: `version.history.num-entries`. */
const defaultHistory = 10

/** With it, a new version may leave out a dialect that the one before had. */
const dropDialectProperty = 'replace.drop-dialect.allowed'

export interface NewView {
  /** URI of the view's folder. */
  readonly location: string
  readonly schema: IcebergSchema
  readonly representations: ViewVersion['representations']
  readonly defaultNamespace: readonly string[]
  readonly defaultCatalog?: string
  readonly properties?: Readonly<Record<string, string>>
  /** Who made it: `engine-name`, `engine-version`, … */
  readonly summary?: Readonly<Record<string, string>>
}

/** The updates that make a new view. */
export function newViewUpdates(view: NewView, now = Date.now()): ViewUpdate[] {
  return [
    { action: 'assign-uuid', uuid: randomUUID() },
    { action: 'upgrade-format-version', 'format-version': 1 },
    { action: 'set-location', location: view.location },
    ...replaceViewUpdates(view, now),
    ...(view.properties ? [{ action: 'set-properties' as const, updates: view.properties }] : []),
  ]
}

/** The updates that give a view another query. Its older versions stay in the history. */
export function replaceViewUpdates(view: Omit<NewView, 'location' | 'properties'>, now = Date.now()): ViewUpdate[] {
  return [
    { action: 'add-schema', schema: view.schema },
    {
      action: 'add-view-version',
      'view-version': {
        'version-id': 1,
        'schema-id': -1,
        'timestamp-ms': now,
        summary: { ...view.summary },
        representations: view.representations,
        ...(view.defaultCatalog !== undefined && { 'default-catalog': view.defaultCatalog }),
        'default-namespace': view.defaultNamespace,
      },
    },
    { action: 'set-current-view-version', 'view-version-id': -1 },
  ]
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/**
 * The view's metadata after the updates, applied in order; without `base`, a new view. Versions get ids of their own, an
 * equal one that is there already is used again, and those beyond `version.history.num-entries` go.
 * Throws PHLO_ICEBERG_INVALID for updates that contradict each other or the view. Source: REST catalog, `ViewUpdate`.
 */
export function applyViewUpdates(
  base: ViewMetadata | undefined,
  updates: readonly ViewUpdate[],
  options: { readonly now: number },
): ViewMetadata {
  const next: Mutable<ViewMetadata> = base ? { ...base } : emptyView()
  let addedSchema: number | undefined
  let addedVersion: number | undefined
  for (const update of updates) {
    switch (update.action) {
      case 'assign-uuid':
        if (base && base['view-uuid'] !== update.uuid) throw invalid('assign-uuid', 'a view cannot change its uuid')
        next['view-uuid'] = update.uuid
        break
      case 'upgrade-format-version':
        if (update['format-version'] !== 1) throw invalid('upgrade-format-version', 'views have version 1 only')
        break
      case 'set-location':
        next.location = update.location
        break
      case 'add-schema':
        addedSchema = addSchema(next, update.schema)
        break
      case 'add-view-version':
        addedVersion = addVersion(next, update['view-version'], addedSchema)
        break
      case 'set-current-view-version':
        setCurrent(next, update['view-version-id'] === -1 ? addedVersion : update['view-version-id'], options.now)
        break
      case 'set-properties':
        next.properties = { ...next.properties, ...update.updates }
        break
      case 'remove-properties':
        next.properties = withoutProperties(next.properties, update.removals)
        break
      default:
        throw invalid('view update', `action ${JSON.stringify((update as { action: unknown }).action)} is not known`)
    }
  }
  if (next['view-uuid'] === '' || next.location === '')
    throw invalid('view updates', 'a new view needs a uuid and a location')
  const current = currentViewVersion(next)
  if (base) requireDialects(currentViewVersion(base), current, next)
  return forgetOld(next)
}

function emptyView(): Mutable<ViewMetadata> {
  return {
    'view-uuid': '',
    'format-version': 1,
    location: '',
    schemas: [],
    'current-version-id': -1,
    versions: [],
    'version-log': [],
    properties: {},
  }
}

function addSchema(next: Mutable<ViewMetadata>, schema: IcebergSchema): number {
  const same = next.schemas.find((candidate) =>
    sameJson({ ...candidate, 'schema-id': 0 }, { ...schema, 'schema-id': 0 }),
  )
  if (same) return same['schema-id']
  const id = highest(next.schemas.map((candidate) => candidate['schema-id'])) + 1
  next.schemas = [...next.schemas, { ...schema, 'schema-id': id }]
  return id
}

function addVersion(next: Mutable<ViewMetadata>, given: ViewVersion, addedSchema: number | undefined): number {
  validateVersion(given, (problem) => {
    throw invalid('add-view-version', problem)
  })
  const schema = given['schema-id'] === -1 ? addedSchema : given['schema-id']
  if (schema === undefined || !next.schemas.some((candidate) => candidate['schema-id'] === schema))
    throw invalid('add-view-version', `there is no schema ${given['schema-id']}`)
  const version = { ...given, 'schema-id': schema }
  const unnamed = (item: ViewVersion) => ({ ...item, 'version-id': 0, 'timestamp-ms': 0, summary: {} })
  const same = next.versions.find((candidate) => sameJson(unnamed(candidate), unnamed(version)))
  if (same) return same['version-id']
  const id = highest(next.versions.map((candidate) => candidate['version-id'])) + 1
  // Ids of views are counted from 1, as other writers do.
  next.versions = [...next.versions, { ...version, 'version-id': Math.max(1, id) }]
  return Math.max(1, id)
}

function setCurrent(next: Mutable<ViewMetadata>, id: number | undefined, now: number): void {
  if (id === undefined || !next.versions.some((candidate) => candidate['version-id'] === id))
    throw invalid('set-current-view-version', `there is no version ${String(id)}`)
  if (next['current-version-id'] === id) return
  next['current-version-id'] = id
  const last = next['version-log'].at(-1)?.['timestamp-ms'] ?? 0
  next['version-log'] = [...next['version-log'], { 'timestamp-ms': Math.max(now, last), 'version-id': id }]
}

/** A version that lost a dialect would silently take the view away from an engine. */
function requireDialects(before: ViewVersion, after: ViewVersion, view: ViewMetadata): void {
  if (view.properties?.[dropDialectProperty] === 'true') return
  const has = new Set(sqlRepresentations(after).map(({ dialect }) => dialect.toLowerCase()))
  const lost = sqlRepresentations(before).find(({ dialect }) => !has.has(dialect.toLowerCase()))
  if (lost)
    throw new PhloError('PHLO_ICEBERG_INVALID', `The view’s new version has no query in the dialect ${lost.dialect}`, {
      hint: `Give it in every dialect that the view has, or set the view’s property ${dropDialectProperty} to true.`,
    })
}

/** Versions beyond the history go, and the log loses what lies before the last entry of one that went. */
function forgetOld(view: ViewMetadata): ViewMetadata {
  const given = Number(view.properties?.['version.history.num-entries'] ?? defaultHistory)
  const keep = Number.isSafeInteger(given) && given > 0 ? given : defaultHistory
  if (view.versions.length <= keep) return view
  const current = currentViewVersion(view)
  const others = view.versions.filter((version) => version !== current)
  const kept = new Set([current, ...others.slice(others.length - (keep - 1))])
  const ids = new Set([...kept].map((version) => version['version-id']))
  const log = view['version-log']
  const lastGap = log.findLastIndex((entry) => !ids.has(entry['version-id']))
  return {
    ...view,
    versions: view.versions.filter((version) => kept.has(version)),
    'version-log': log.slice(lastGap + 1),
  }
}

function highest(ids: readonly number[]): number {
  return ids.reduce((most, id) => Math.max(most, id), -1)
}
