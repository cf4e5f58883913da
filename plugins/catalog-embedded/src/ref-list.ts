import type { ObjectStore, RefInfo } from '@phlo/ports'
import { formatVersion } from './catalog-format.js'
import type { RefState } from './ref-object.js'
import type { RefStore } from './ref-store.js'

/** So many refs that have to be read make it worth a look at the index first. */
const worthIndex = 16
/** So many refs that had to be read in spite of the index make it worth a new one. */
const worthWriting = 64
/** Refs that are read at once. */
const readAtOnce = 32

/** What a ref was at one version of its object, which is never anything else. */
interface Known {
  readonly version: string
  readonly state: RefState
}

/**
 * All branches and tags. The store lists the refs' objects with their versions, and a ref that is known at its version is
 * not read: this process knows those that it has read, and an index object those that some process had read. The index is
 * no truth, only a memory of it: it may be old or missing.
 */
export class RefList {
  private readonly store: ObjectStore
  private readonly refs: RefStore
  private readonly indexKey: string
  private known = new Map<string, Known>()

  constructor(store: ObjectStore, refs: RefStore, prefix: string) {
    this.store = store
    this.refs = refs
    this.indexKey = `${prefix}/ref-index`
  }

  /** In order of their names. */
  async list(): Promise<RefInfo[]> {
    await this.look()
    return [...this.known]
      .filter(([, { state }]) => !state.deleted)
      .map(([name, { state }]) => ({ name, type: state.type, commit: state.commit, protected: state.protected }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Names of those that are gone, in order. */
  async deleted(): Promise<string[]> {
    await this.look()
    return [...this.known].flatMap(([name, { state }]) => (state.deleted ? [name] : [])).sort()
  }

  private async look(): Promise<void> {
    const versions = new Map<string, string>()
    for await (const { key, version } of this.store.list(this.refs.prefix)) versions.set(this.refs.nameOf(key), version)
    const unknown = () => [...versions].filter(([name, version]) => this.known.get(name)?.version !== version)
    if (unknown().length > worthIndex) await this.readIndex()
    const missing = unknown().map(([name]) => name)
    for (let start = 0; start < missing.length; start += readAtOnce) {
      await Promise.all(missing.slice(start, start + readAtOnce).map((name) => this.read(name)))
    }
    this.known = new Map([...this.known].filter(([name]) => versions.has(name)))
    if (missing.length > worthWriting) await this.writeIndex()
  }

  private async read(name: string): Promise<void> {
    const ref = await this.refs.read(name)
    if (!ref) return
    const { version, type, commit, protected: isProtected, deleted } = ref
    this.known.set(name, { version, state: { type, commit, protected: isProtected, deleted } })
  }

  private async readIndex(): Promise<void> {
    const object = await this.store.get(this.indexKey)
    if (!object) return
    try {
      const { format, refs } = JSON.parse(Buffer.from(object.bytes).toString('utf8')) as {
        format: unknown
        refs: Record<string, Known>
      }
      if (format !== formatVersion) return
      for (const [name, known] of Object.entries(refs)) this.known.set(name, known)
    } catch {
      // Damaged: the refs themselves say it all.
    }
  }

  private async writeIndex(): Promise<void> {
    const index = { format: formatVersion, refs: Object.fromEntries(this.known) }
    try {
      await this.store.put(this.indexKey, Buffer.from(JSON.stringify(index), 'utf8'))
    } catch {
      // Whoever may only read lists without it.
    }
  }
}
