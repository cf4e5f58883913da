import { isPhloError, type ObjectStore, PhloError, type RefInfo } from '@phlo/ports'

/** A ref as it stands in the store, with the version that a change of it must match. */
export interface StoredRef extends RefInfo {
  readonly version: string
}

/** The JSON of a ref. A deleted one stays as a mark, since stores have no conditional delete. */
interface RefObject {
  type: 'branch' | 'tag'
  commit: string
  /** Counts the changes, so that no two states of a ref are the same bytes. */
  revision: number
  deleted?: true
}

/** Branches and tags: one small object each, moved only by conditional put. */
export class RefStore {
  private readonly store: ObjectStore
  private readonly prefix: string

  constructor(store: ObjectStore, prefix: string) {
    this.store = store
    this.prefix = `${prefix}/refs/`
  }

  async get(name: string): Promise<StoredRef | undefined> {
    const found = await this.read(name)
    return found && !found.ref.deleted
      ? { name, type: found.ref.type, commit: found.ref.commit, version: found.version }
      : undefined
  }

  async list(): Promise<StoredRef[]> {
    const names: string[] = []
    for await (const { key } of this.store.list(this.prefix))
      names.push(decodeURIComponent(key.slice(this.prefix.length)))
    const refs = await Promise.all(names.map((name) => this.get(name)))
    return refs.filter((ref) => ref !== undefined).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Throws PHLO_REF_EXISTS. */
  async create(name: string, type: 'branch' | 'tag', commit: string): Promise<StoredRef> {
    const exists = () =>
      new PhloError('PHLO_REF_EXISTS', `There is a branch or tag ${name} already`, { context: { ref: name } })
    const found = await this.read(name)
    if (found && !found.ref.deleted) throw exists()
    const ref: RefObject = { type, commit, revision: (found?.ref.revision ?? 0) + 1 }
    try {
      const { version } = await this.store.put(
        this.key(name),
        encode(ref),
        found ? { ifMatch: found.version } : { ifAbsent: true },
      )
      return { name, type, commit, version }
    } catch (error) {
      if (isPhloError(error, 'PHLO_OBJECT_EXISTS') || isPhloError(error, 'PHLO_OBJECT_CHANGED')) throw exists()
      throw error
    }
  }

  /** Moves a branch. Throws PHLO_OBJECT_CHANGED when it is no longer as `from` has it. */
  async move(from: StoredRef, commit: string): Promise<void> {
    await this.replace(from, { type: from.type, commit })
  }

  /** Deletes a branch or tag. Throws PHLO_OBJECT_CHANGED when it is no longer as `from` has it. */
  async delete(from: StoredRef): Promise<void> {
    await this.replace(from, { type: from.type, commit: from.commit, deleted: true })
  }

  private async replace(from: StoredRef, change: Omit<RefObject, 'revision'>): Promise<void> {
    const found = await this.read(from.name)
    if (found?.version !== from.version) {
      throw new PhloError('PHLO_OBJECT_CHANGED', `The ref ${from.name} moved meanwhile`, { retryable: true })
    }
    await this.store.put(this.key(from.name), encode({ ...change, revision: found.ref.revision + 1 }), {
      ifMatch: from.version,
    })
  }

  private async read(name: string): Promise<{ ref: RefObject; version: string } | undefined> {
    const object = await this.store.get(this.key(name))
    return (
      object && { ref: JSON.parse(Buffer.from(object.bytes).toString('utf8')) as RefObject, version: object.version }
    )
  }

  private key(name: string): string {
    return this.prefix + encodeURIComponent(name)
  }
}

function encode(ref: RefObject): Buffer {
  return Buffer.from(JSON.stringify(ref), 'utf8')
}

/**
 * Names as Git allows them, on the safe side: letters, digits, `_ . / - + =`, no empty or dotted segment, and nothing
 * that reads as a commit's id. Throws PHLO_REF_INVALID.
 */
export function checkRefName(name: string): void {
  const good =
    /^[A-Za-z0-9_][A-Za-z0-9_.+=/-]{0,199}$/.test(name) &&
    !/(^|\/)(\.|$)|\.\.|\.lock(\/|$)|\/\//.test(name) &&
    !/^[0-9a-f]{8,64}$/.test(name)
  if (good) return
  throw new PhloError('PHLO_REF_INVALID', `${JSON.stringify(name)} cannot be the name of a branch or tag`, {
    hint: 'Use letters, digits, "_", "-", "." and "/" between parts; not what looks like a commit id.',
  })
}
