import { randomUUID } from 'node:crypto'
import { applyUpdates, checkRequirements, parseMetadata, serializeMetadata } from '@phlo/iceberg'
import {
  type CatalogChange,
  type CatalogSupports,
  type CommitInfo,
  type CommitOptions,
  type CommitResult,
  formatIdentifier,
  isPhloError,
  type LoadedTable,
  mainBranch,
  type MergeOptions,
  type MergeResult,
  type NamespaceInfo,
  type ObjectStore,
  PhloError,
  type RefInfo,
  type RefOptions,
  type TableDiff,
  type TableIdentifier,
  type TableMetadata,
  type VersionedCatalog,
} from '@phlo/ports'
import type { CommitObject } from './commit-object.js'
import { CommitStore } from './commit-store.js'
import { checkRefName, RefStore, type StoredRef } from './ref-store.js'
import { namespaceKey, parseKey, tableKey } from './table-keys.js'
import { sameValue, Tree, type TreeDifference } from './tree.js'
import type { Page, TreeValue } from './tree-page.js'

/** Where the catalog's own objects are in the store. */
const catalogPrefix = 'catalog'
const tablesPrefix = 'tables'

/** Parsed metadata files that one process keeps. */
const cachedMetadata = 500

/** How often a commit is put on top of others before it gives up. */
const mostAttempts = 100

const unknownAuthor = 'phlo'

/**
 * A catalog that is nothing but objects: commits and tree pages named by their content, and one small object a ref.
 * A change writes metadata files and a commit that nobody sees, and becomes visible by one conditional put of the ref.
 */
export class EmbeddedCatalog implements VersionedCatalog {
  readonly supports: CatalogSupports = { refs: true, multiTableCommit: true }
  private readonly store: ObjectStore
  private readonly commits: CommitStore
  private readonly refs: RefStore
  private readonly tree: Tree
  private readonly metadataCache = new Map<string, TableMetadata>()

  private constructor(store: ObjectStore) {
    this.store = store
    this.commits = new CommitStore(store, catalogPrefix)
    this.refs = new RefStore(store, catalogPrefix)
    this.tree = new Tree(this.commits)
  }

  /** Opens the catalog in the store, and makes an empty one with its main branch where there is none. */
  static async open(store: ObjectStore): Promise<EmbeddedCatalog> {
    if (!store.supports.conditionalPut) {
      throw new PhloError('PHLO_UNSUPPORTED', 'The embedded catalog needs a store with conditional puts')
    }
    const catalog = new EmbeddedCatalog(store)
    if (!(await catalog.refs.get(mainBranch))) await catalog.initialize()
    return catalog
  }

  private async initialize(): Promise<void> {
    const first = await this.commits.write(
      {
        parents: [],
        height: 0,
        author: unknownAuthor,
        message: 'Empty catalog',
        time: 0,
        properties: {},
        root: undefined,
      },
      new Map(),
      '',
    )
    try {
      await this.refs.create(mainBranch, 'branch', first.id)
    } catch (error) {
      // Another process was first, with the same commit.
      if (!isPhloError(error, 'PHLO_REF_EXISTS')) throw error
    }
  }

  async listNamespaces(options: RefOptions = {}): Promise<readonly NamespaceInfo[]> {
    const { root } = await this.resolve(options.ref)
    const found: NamespaceInfo[] = []
    for await (const [key, value] of this.tree.items(root, '', () => true)) {
      if (value.type === 'namespace') found.push({ namespace: parseKey(key).namespace, properties: value.properties })
    }
    return found
  }

  async listTables(options: RefOptions & { namespace?: readonly string[] } = {}): Promise<readonly TableIdentifier[]> {
    const { root } = await this.resolve(options.ref)
    const prefix = options.namespace ? namespaceKey(options.namespace) : ''
    const found: TableIdentifier[] = []
    for await (const [key, value] of this.tree.items(root, prefix, (candidate) => candidate.startsWith(prefix))) {
      if (value.type === 'table') found.push(parseKey(key))
    }
    return found
  }

  async loadTable(identifier: TableIdentifier, options: RefOptions = {}): Promise<LoadedTable | undefined> {
    const { root } = await this.resolve(options.ref)
    const value = await this.tree.get(root, tableKey(identifier))
    return value?.type === 'table' ? this.load(identifier, value.metadata) : undefined
  }

  async commit(changes: readonly CatalogChange[], options: CommitOptions): Promise<CommitResult> {
    const written = new Map<string, { base: string | undefined; key: string; loaded: LoadedTable }>()
    return this.onBranch(options.ref ?? mainBranch, async (head) => {
      const edits = new Map<string, TreeValue | undefined>()
      const read = async (key: string) => (edits.has(key) ? edits.get(key) : this.tree.get(head.root, key))
      const tables: LoadedTable[] = []
      for (const change of changes) {
        if (change.kind === 'create-namespace') await this.createNamespace(change, read, edits)
        else if (change.kind === 'drop-namespace') await this.dropNamespace(change.namespace, head, read, edits)
        else if (change.kind === 'drop-table') {
          const key = tableKey(change.identifier)
          if ((await read(key))?.type !== 'table') throw noTable(change.identifier)
          edits.set(key, undefined)
        } else if (change.kind === 'register-table') {
          tables.push(await this.registerTable(change, read, edits))
        } else {
          tables.push(await this.changeTable(change, read, edits, written))
        }
      }
      const commit = await this.write([head], edits, commitWords(options))
      return { commit, result: { commit: commit.id, tables } }
    })
  }

  newTableLocation({ namespace, name }: TableIdentifier): string {
    // Folder names are for people; only the suffix makes them unique.
    const folder = [...namespace, name].map((part) => part.replace(/[^A-Za-z0-9_-]/g, '_') || '_').join('/')
    return this.store.uri(`${tablesPrefix}/${folder}-${randomUUID().slice(0, 8)}`)
  }

  async listRefs(): Promise<readonly RefInfo[]> {
    return (await this.refs.list()).map(refInfo)
  }

  async getRef(name: string): Promise<RefInfo | undefined> {
    const ref = await this.refs.get(name)
    return ref && refInfo(ref)
  }

  async createRef(name: string, options: { type?: 'branch' | 'tag'; from?: string } = {}): Promise<RefInfo> {
    checkRefName(name)
    const { id } = await this.resolve(options.from)
    return refInfo(await this.refs.create(name, options.type ?? 'branch', id))
  }

  async deleteRef(name: string, options: { expected?: string } = {}): Promise<void> {
    if (name === mainBranch) throw new PhloError('PHLO_REF_INVALID', `The branch ${mainBranch} cannot be deleted`)
    for (;;) {
      const ref = await this.refs.get(name)
      if (!ref) throw noRef(name)
      if (options.expected !== undefined && ref.commit !== options.expected) throw moved(name, options.expected)
      try {
        await this.refs.delete(ref)
        return
      } catch (error) {
        if (!isPhloError(error, 'PHLO_OBJECT_CHANGED')) throw error
      }
    }
  }

  async merge(from: string, into: string, options: MergeOptions = {}): Promise<MergeResult> {
    const source = await this.resolve(from)
    const plan = async (target: CommitObject) => {
      if (options.expectedTarget !== undefined && target.id !== options.expectedTarget)
        throw moved(into, options.expectedTarget)
      const base = await this.commonAncestor(source, target)
      const [theirs, ours] = await Promise.all([
        this.tree.diff(base?.root, source.root),
        this.tree.diff(base?.root, target.root),
      ])
      const oursByKey = new Map(ours.map((difference) => [difference.key, difference]))
      const changes = theirs.filter(({ key, after }) => {
        const mine = oursByKey.get(key)
        return !mine || !sameValue(mine.after, after)
      })
      const conflicts = changes.filter(({ key }) => oursByKey.has(key))
      return { changes, conflicts: conflicts.map(({ key }) => parseKey(key)), isAncestor: base?.id === source.id }
    }
    if (options.dryRun) {
      const target = await this.resolve(into)
      const { changes, conflicts } = await plan(target)
      return { commit: target.id, tables: tableDiffs(changes), conflicts }
    }
    return this.onBranch(into, async (target) => {
      const { changes, conflicts, isAncestor } = await plan(target)
      if (conflicts.length > 0) throw mergeConflict(from, into, conflicts)
      const tables = tableDiffs(changes)
      if (isAncestor) return { result: { commit: target.id, tables, conflicts: [] } }
      const edits = new Map(changes.map(({ key, after }) => [key, after]))
      const commit = await this.write(
        [target, source],
        edits,
        commitWords({ message: `Merge ${from} into ${into}`, ...options }),
      )
      return { commit, result: { commit: commit.id, tables, conflicts: [] } }
    })
  }

  async diff(from: string, to: string): Promise<readonly TableDiff[]> {
    const [before, after] = await Promise.all([this.resolve(from), this.resolve(to)])
    return tableDiffs(await this.tree.diff(before.root, after.root))
  }

  async *log(ref: string, options: { limit?: number } = {}): AsyncIterable<CommitInfo> {
    let commit: CommitObject | undefined = await this.resolve(ref)
    for (let count = 0; commit && count < (options.limit ?? Infinity); count++) {
      yield {
        id: commit.id,
        parents: commit.parents,
        author: commit.author,
        message: commit.message,
        time: new Date(commit.time),
        properties: commit.properties,
      }
      commit = await this.firstParent(commit)
    }
  }

  async commitAt(ref: string, time: Date): Promise<string | undefined> {
    let commit: CommitObject | undefined = await this.resolve(ref)
    while (commit && commit.time > time.getTime()) commit = await this.firstParent(commit)
    return commit?.id
  }

  async close(): Promise<void> {
    this.metadataCache.clear()
  }

  /** The commit that a branch, a tag, or an id means. */
  private async resolve(name: string = mainBranch): Promise<CommitObject> {
    const ref = await this.refs.get(name)
    if (ref) return this.commits.get(ref.commit)
    const commit = await this.commits.find(name)
    if (!commit) throw noRef(name)
    return commit
  }

  private async firstParent(commit: CommitObject): Promise<CommitObject | undefined> {
    const [first] = commit.parents
    return first === undefined ? undefined : this.commits.get(first)
  }

  /**
   * Moves a branch to what `work` makes of its head. When somebody else moved it meanwhile, the work is done again on
   * the new head. Ends with PHLO_COMMIT_CONFLICT after many losses.
   */
  private async onBranch<T>(
    name: string,
    work: (head: CommitObject) => Promise<{ commit?: CommitObject; result: T }>,
  ): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      const ref = await this.refs.get(name)
      if (!ref) throw noRef(name)
      if (ref.type !== 'branch') throw new PhloError('PHLO_REF_INVALID', `${name} is a tag, and tags do not move`)
      const { commit, result } = await work(await this.commits.get(ref.commit))
      if (!commit) return result
      try {
        await this.refs.move(ref, commit.id)
        return result
      } catch (error) {
        // The put may have happened although it was reported as failed: then the commit is part of the branch.
        if (await this.isOnBranch(name, commit.id, ref.commit)) return result
        if (!isPhloError(error, 'PHLO_OBJECT_CHANGED')) throw error
        if (attempt >= mostAttempts) {
          throw new PhloError(
            'PHLO_COMMIT_CONFLICT',
            `The branch ${name} moved ${attempt} times while a commit was made`,
            { retryable: true },
          )
        }
      }
      await pause(attempt)
    }
  }

  /** Is the commit between the branch's head and an older commit of it? */
  private async isOnBranch(name: string, id: string, older: string): Promise<boolean> {
    const ref = await this.refs.get(name)
    let current = ref && (await this.commits.find(ref.commit))
    while (current && current.id !== older) {
      if (current.id === id) return true
      current = await this.firstParent(current)
    }
    return false
  }

  /** A commit on top of the first parent's tree. */
  private async write(
    parents: readonly [CommitObject, ...CommitObject[]],
    edits: ReadonlyMap<string, TreeValue | undefined>,
    words: Pick<CommitObject, 'author' | 'message' | 'properties'>,
  ): Promise<CommitObject> {
    const pages = new Map<string, Page>()
    const root = await this.tree.edit(parents[0].root, edits, pages)
    return this.commits.write(
      {
        ...words,
        parents: parents.map(({ id }) => id),
        height: Math.max(...parents.map(({ height }) => height)) + 1,
        // Time goes forward along a branch even when clocks do not, so that time travel finds its way.
        time: Math.max(Date.now(), ...parents.map(({ time }) => time)),
        root,
      },
      pages,
    )
  }

  private async createNamespace(
    change: Extract<CatalogChange, { kind: 'create-namespace' }>,
    read: (key: string) => Promise<TreeValue | undefined>,
    edits: Map<string, TreeValue | undefined>,
  ): Promise<void> {
    checkName(change.namespace)
    const key = namespaceKey(change.namespace)
    if (await read(key)) {
      if (change.ifNotExists) return
      throw new PhloError('PHLO_NAMESPACE_EXISTS', `There is a namespace ${change.namespace.join('.')} already`)
    }
    edits.set(key, { type: 'namespace', properties: change.properties ?? {} })
  }

  private async dropNamespace(
    namespace: readonly string[],
    head: CommitObject,
    read: (key: string) => Promise<TreeValue | undefined>,
    edits: Map<string, TreeValue | undefined>,
  ): Promise<void> {
    const key = namespaceKey(namespace)
    if (!(await read(key))) throw noNamespace(namespace)
    const within = (candidate: string) => candidate.startsWith(key) && candidate !== key
    const dropped = (candidate: string) => edits.has(candidate) && edits.get(candidate) === undefined
    let holds = [...edits].some(([candidate, value]) => within(candidate) && value)
    for await (const [candidate] of this.tree.items(head.root, key, (item) => item.startsWith(key))) {
      holds ||= within(candidate) && !dropped(candidate)
    }
    if (holds)
      throw new PhloError('PHLO_NAMESPACE_NOT_EMPTY', `The namespace ${namespace.join('.')} still holds tables`)
    edits.set(key, undefined)
  }

  private async changeTable(
    change: Extract<CatalogChange, { kind: 'table' }>,
    read: (key: string) => Promise<TreeValue | undefined>,
    edits: Map<string, TreeValue | undefined>,
    written: Map<string, { base: string | undefined; key: string; loaded: LoadedTable }>,
  ): Promise<LoadedTable> {
    const { identifier } = change
    checkName([...identifier.namespace, identifier.name])
    const key = tableKey(identifier)
    const value = await read(key)
    if (!value && !(await read(namespaceKey(identifier.namespace)))) throw noNamespace(identifier.namespace)
    const base = value?.type === 'table' ? value : undefined
    const current = base && (await this.load(identifier, base.metadata))
    checkRequirements(current?.metadata, change.requirements, formatIdentifier(identifier))
    if (!current && !change.requirements.some(({ type }) => type === 'assert-create')) throw noTable(identifier)
    // An attempt that lost its race to changes elsewhere has written this very file already.
    let file = written.get(key)
    if (!file || file.base !== base?.metadata) {
      const metadata = applyUpdates(current?.metadata, change.updates, {
        now: Date.now(),
        ...(current && { previousLocation: current.metadataLocation }),
      })
      file = { base: base?.metadata, ...(await this.writeMetadata(identifier, metadata, base?.metadata)) }
      written.set(key, file)
    }
    edits.set(key, { type: 'table', metadata: file.key, uuid: file.loaded.metadata['table-uuid'] })
    return file.loaded
  }

  private async registerTable(
    { identifier, metadataLocation }: Extract<CatalogChange, { kind: 'register-table' }>,
    read: (key: string) => Promise<TreeValue | undefined>,
    edits: Map<string, TreeValue | undefined>,
  ): Promise<LoadedTable> {
    checkName([...identifier.namespace, identifier.name])
    const key = tableKey(identifier)
    if (await read(key))
      throw new PhloError('PHLO_TABLE_EXISTS', `The table ${formatIdentifier(identifier)} exists already`)
    if (!(await read(namespaceKey(identifier.namespace)))) throw noNamespace(identifier.namespace)
    const file = this.store.key(metadataLocation)
    if (file === undefined)
      throw new PhloError('PHLO_UNSUPPORTED', `The metadata file ${metadataLocation} is outside the store`)
    const loaded = await this.load(identifier, file)
    edits.set(key, { type: 'table', metadata: file, uuid: loaded.metadata['table-uuid'] })
    return loaded
  }

  /** Spec: "File System Tables" gives the file's name its form: a counter and a random part. */
  private async writeMetadata(
    identifier: TableIdentifier,
    metadata: TableMetadata,
    previous: string | undefined,
  ): Promise<{ key: string; loaded: LoadedTable }> {
    const folder = this.store.key(metadata.location)
    if (folder === undefined) {
      throw new PhloError(
        'PHLO_UNSUPPORTED',
        `The location ${metadata.location} of ${formatIdentifier(identifier)} is outside the store`,
      )
    }
    const counter = previous === undefined ? 0 : Number(/(\d+)-[^/]*$/.exec(previous)?.[1] ?? 0) + 1
    const key = `${folder}/metadata/${String(counter).padStart(5, '0')}-${randomUUID()}.metadata.json`
    await this.store.put(key, serializeMetadata(metadata), { ifAbsent: true })
    this.rememberMetadata(key, metadata)
    return { key, loaded: { identifier, metadata, metadataLocation: this.store.uri(key) } }
  }

  private async load(identifier: TableIdentifier, key: string): Promise<LoadedTable> {
    let metadata = this.metadataCache.get(key)
    if (!metadata) {
      const object = await this.store.get(key)
      if (!object) {
        throw new PhloError(
          'PHLO_OBJECT_NOT_FOUND',
          `The metadata file of ${formatIdentifier(identifier)} is not there: ${this.store.uri(key)}`,
        )
      }
      metadata = parseMetadata(object.bytes, this.store.uri(key))
    }
    this.rememberMetadata(key, metadata)
    return { identifier, metadata, metadataLocation: this.store.uri(key) }
  }

  private rememberMetadata(key: string, metadata: TableMetadata): void {
    this.metadataCache.delete(key)
    this.metadataCache.set(key, metadata)
    if (this.metadataCache.size > cachedMetadata)
      this.metadataCache.delete(this.metadataCache.keys().next().value as string)
  }

  /** The highest commit that both have as an ancestor, or are. Every two commits share at least the first one. */
  private async commonAncestor(a: CommitObject, b: CommitObject): Promise<CommitObject | undefined> {
    const seen = [new Map<string, CommitObject>(), new Map<string, CommitObject>()] as const
    const frontier: { commit: CommitObject; side: 0 | 1 }[] = [
      { commit: a, side: 0 },
      { commit: b, side: 1 },
    ]
    while (frontier.length > 0) {
      // Highest first: every path to a commit leads through higher ones only.
      frontier.sort((left, right) => left.commit.height - right.commit.height)
      const { commit, side } = frontier.pop() as { commit: CommitObject; side: 0 | 1 }
      if (seen[side].has(commit.id)) continue
      seen[side].set(commit.id, commit)
      if (seen[side === 0 ? 1 : 0].has(commit.id)) return commit
      for (const parent of commit.parents) frontier.push({ commit: await this.commits.get(parent), side })
    }
    return undefined
  }
}

function refInfo({ name, type, commit }: StoredRef): RefInfo {
  return { name, type, commit }
}

function commitWords(options: Pick<CommitOptions, 'message' | 'author' | 'properties'>) {
  return { author: options.author ?? unknownAuthor, message: options.message, properties: options.properties ?? {} }
}

function tableDiffs(differences: readonly TreeDifference[]): TableDiff[] {
  return differences
    .filter(({ before, after }) => before?.type === 'table' || after?.type === 'table')
    .map(({ key, before, after }) => ({
      identifier: parseKey(key),
      change: before ? (after ? 'changed' : 'removed') : 'added',
    }))
}

/** Control characters separate the parts of keys. */
function checkName(parts: readonly string[]): void {
  if (parts.length > 0 && parts.every((part) => part !== '' && !/[\u0000-\u001f]/.test(part))) return
  throw new PhloError(
    'PHLO_UNSUPPORTED',
    `${JSON.stringify(parts.join('.'))} cannot be a name: parts must not be empty or hold control characters`,
  )
}

function noRef(name: string): PhloError {
  return new PhloError('PHLO_REF_NOT_FOUND', `There is no branch, tag or commit ${name}`, { context: { ref: name } })
}

function noTable(identifier: TableIdentifier): PhloError {
  return new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${formatIdentifier(identifier)}`)
}

function noNamespace(namespace: readonly string[]): PhloError {
  return new PhloError('PHLO_NAMESPACE_NOT_FOUND', `There is no namespace ${namespace.join('.')}`)
}

function moved(name: string, expected: string): PhloError {
  return new PhloError('PHLO_COMMIT_CONFLICT', `${name} no longer stands at ${expected.slice(0, 12)}`, {
    retryable: true,
  })
}

function mergeConflict(from: string, into: string, conflicts: readonly TableIdentifier[]): PhloError {
  const tables = conflicts.map(formatIdentifier)
  return new PhloError(
    'PHLO_MERGE_CONFLICT',
    `${from} cannot be merged into ${into}: both changed ${tables.join(', ')}`,
    {
      hint: `Run what wrote ${from} again on the present ${into}.`,
      context: { tables },
    },
  )
}

/** Waits a little longer after every loss, at random, so that writers stop meeting each other. */
async function pause(attempt: number): Promise<void> {
  const longest = Math.min(200, 2 ** Math.min(attempt, 10))
  await new Promise((resolve) => setTimeout(resolve, Math.random() * longest))
}
