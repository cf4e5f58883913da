import { type ObjectInfo, type ObjectStore, PhloError, type TableMetadata } from '@phlo/ports'
import { parseMetadata } from '../metadata/metadata-file.js'
import { FileKeys } from './file-keys.js'
import { type RemovedFiles, removeFiles } from './file-removal.js'
import { reachedFiles } from './reached-files.js'

/** A state of a table that must stay readable. */
export interface TableState {
  readonly metadata: TableMetadata
  /** URI of the metadata file that holds it, where one does. */
  readonly metadataLocation?: string
}

export interface OrphanSearch {
  /** URI of the table's folder. */
  readonly location: string
  /** Every state of the table that must stay readable. Called for each look at the table. */
  states(): AsyncIterable<TableState>
  /** URIs of folders that belong to other tables. What lies in them is left alone. */
  readonly otherTables?: readonly string[]
  /** Only files that were last changed before this time. Default: three days before now. */
  readonly olderThan?: Date
  /**
   * Allows an age below one hour. A writer puts its files before the commit that names them: it must be sure that none
   * is at work. Default false.
   */
  readonly allowYoung?: boolean
  /** Default: the present time. Milliseconds since 1970. */
  readonly now?: number
}

/** Files in a table's folder that nothing refers to. */
export interface OrphanPlan {
  readonly files: readonly { readonly path: string; readonly size: number; readonly modified: Date }[]
  readonly bytes: number
  /** How many files were looked at. */
  readonly examined: number
  /** Files that are too young to be judged. */
  readonly young: number
}

const hour = 60 * 60 * 1000
const defaultAge = 3 * 24 * hour

/**
 * Lists the table's folder and finds old files that no state of the table reaches: leftovers of failed writers and of
 * interrupted expiries. At most `batch` keys are held in memory beside what is found.
 *
 * Throws PHLO_MAINTENANCE_REFUSED for an age below one hour, and where another table has the same folder; every error
 * in reading the table, since what cannot be read may be needed.
 */
export async function planOrphanRemoval(
  store: ObjectStore,
  search: OrphanSearch,
  batch = 200_000,
): Promise<OrphanPlan> {
  const now = search.now ?? Date.now()
  const before = search.olderThan?.getTime() ?? now - defaultAge
  if (before > now - hour && search.allowYoung !== true) {
    throw refused('Files younger than one hour may belong to a commit that is still being made')
  }
  const folder = store.key(search.location)
  if (folder === undefined) throw refused(`The table's folder ${search.location} is outside the store`)
  const others = new Set((search.otherTables ?? []).flatMap((uri) => store.key(uri.replace(/\/+$/, '')) ?? []))
  if (others.has(folder)) throw refused(`Another table has the same folder, ${search.location}`)
  const found: ObjectInfo[] = []
  let candidates = new Map<string, ObjectInfo>()
  const judge = async () => {
    await removeReachable(store, folder, search, candidates)
    found.push(...candidates.values())
    candidates = new Map()
  }
  let examined = 0
  let young = 0
  for await (const info of store.list(`${folder}/`)) {
    examined++
    const foreign = metadataOfAnother(info.key, folder)
    if (foreign !== undefined) others.add(foreign)
    if (isPrivate(info.key.slice(folder.length + 1))) continue
    if (info.modified.getTime() >= before) young++
    else candidates.set(info.key, info)
    if (candidates.size >= batch) await judge()
  }
  if (candidates.size > 0) await judge()
  const files = found
    .filter(({ key }) => !within(key, folder, others))
    .map(({ key, size, modified }) => ({ path: store.uri(key), size, modified }))
  return { files, bytes: files.reduce((sum, { size }) => sum + size, 0), examined, young }
}

/**
 * Deletes the files of a plan, but for those that the table came to need since it was made.
 * Throws what {@link planOrphanRemoval} throws for a table that cannot be read.
 */
export async function removeOrphans(store: ObjectStore, search: OrphanSearch, plan: OrphanPlan): Promise<RemovedFiles> {
  const folder = store.key(search.location)
  if (folder === undefined) throw refused(`The table's folder ${search.location} is outside the store`)
  const files = new Map(
    plan.files.flatMap(({ path, size }) => {
      const key = store.key(path)
      return key === undefined ? [] : [[key, { kind: 'orphan', path, size }] as const]
    }),
  )
  await removeReachable(store, folder, search, files)
  return removeFiles(store, iterate(files.values()))
}

/** The states of every metadata file in a table's folder, for catalogs whose history may name any of them. */
export async function* everyMetadataFile(store: ObjectStore, location: string): AsyncGenerator<TableState> {
  const folder = store.key(location)
  if (folder === undefined) throw refused(`The table's folder ${location} is outside the store`)
  for await (const { key } of store.list(`${folder}/metadata/`)) {
    if (!metadataName.test(key)) continue
    const object = await store.get(key)
    const uri = store.uri(key)
    // One that was deleted since the listing is needed no more.
    if (object) yield { metadata: parseMetadata(object.bytes, uri), metadataLocation: uri }
  }
}

async function* iterate<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items
}

/** Takes out of the candidates what any state of the table reaches. */
async function removeReachable(
  store: ObjectStore,
  folder: string,
  search: OrphanSearch,
  candidates: Map<string, unknown>,
): Promise<void> {
  const keys = new FileKeys(store, folder)
  const reached = (location: string) => {
    for (const key of keys.of(location)) candidates.delete(key)
  }
  const seen = new Set<string>()
  for await (const { metadata, metadataLocation } of search.states()) {
    if (metadataLocation !== undefined) reached(metadataLocation)
    for (const entry of metadata['metadata-log'] ?? []) reached(entry['metadata-file'])
    const isFresh = (path: string) => !seen.has(path) && seen.add(path) === seen
    for await (const { path } of reachedFiles(store, metadata, isFresh)) reached(path)
  }
}

const metadataName = /\.metadata\.json(?:\.gz)?$/

/** The folder of another table that a metadata file within this table's folder gives away. */
function metadataOfAnother(key: string, folder: string): string | undefined {
  if (!metadataName.test(key)) return undefined
  const owner = /^(.*)\/metadata\/[^/]+$/.exec(key)?.[1]
  return owner === folder ? undefined : owner
}

/** Is the key in one of the other tables' folders below this one? */
function within(key: string, folder: string, others: ReadonlySet<string>): boolean {
  for (let slash = key.lastIndexOf('/'); slash > folder.length; slash = key.lastIndexOf('/', slash - 1))
    if (others.has(key.slice(0, slash))) return true
  return false
}

/** Names that programs hide, and the pointer of tables that are kept in folders, are nobody's leftovers. */
function isPrivate(path: string): boolean {
  return (
    path === 'metadata/version-hint.text' ||
    path.split('/').some((segment) => /^[._]/.test(segment) && !segment.includes('='))
  )
}

function refused(message: string): PhloError {
  return new PhloError('PHLO_MAINTENANCE_REFUSED', message)
}
