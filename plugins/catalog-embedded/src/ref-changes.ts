import { checkRefName, noRef, refMoved, refProtected } from '@phlo/catalog'
import { isPhloError, mainBranch, PhloError, type RefInfo, type RefWords } from '@phlo/ports'
import type { History } from './history.js'
import type { RefState } from './ref-object.js'
import type { RefMove, RefStore, StoredRef } from './ref-store.js'

/** How often a ref is looked at again after somebody else changed it meanwhile. */
const mostAttempts = 100

/** Makes, moves, protects and deletes branches and tags, other than by commits. */
export class RefChanges {
  private readonly refs: RefStore
  private readonly history: History

  constructor(refs: RefStore, history: History) {
    this.refs = refs
    this.history = history
  }

  async create(
    name: string,
    options: RefWords & { type?: 'branch' | 'tag'; from?: string; protected?: boolean },
  ): Promise<RefInfo> {
    checkRefName(name)
    const { type = 'branch', from, protected: isProtected = false } = options
    const { id: commit } = await this.history.resolve(from)
    return this.change(name, { ...options, action: 'create', to: commit }, (ref) => {
      if (ref && !ref.deleted)
        throw new PhloError('PHLO_REF_EXISTS', `There is a branch or tag ${name} already`, { context: { ref: name } })
      return { type, commit, protected: isProtected, deleted: false }
    })
  }

  async assign(
    name: string,
    to: string,
    options: RefWords & { type?: 'branch' | 'tag'; expected?: string },
  ): Promise<RefInfo> {
    const { type = 'branch', expected } = options
    const { id: commit } = await this.history.resolve(to)
    return this.change(name, { ...options, action: 'assign', to: commit }, (ref) => {
      const state = expectedState(name, ref, expected)
      if (state.type !== type) throw new PhloError('PHLO_REF_INVALID', `${name} is a ${state.type}, not a ${type}`)
      if (state.protected) throw refProtected(name, 'it is not moved by hand')
      return { ...state, commit }
    })
  }

  async protect(name: string, isProtected: boolean, options: RefWords): Promise<RefInfo> {
    const action = isProtected ? 'protect' : 'unprotect'
    return this.change(name, { ...options, action }, (ref) => {
      const state = expectedState(name, ref, undefined)
      return state.protected === isProtected ? undefined : { ...state, protected: isProtected }
    })
  }

  async delete(name: string, options: RefWords & { expected?: string }): Promise<void> {
    if (name === mainBranch) throw new PhloError('PHLO_REF_INVALID', `The branch ${mainBranch} cannot be deleted`)
    await this.change(name, { ...options, action: 'delete' }, (ref) => {
      const state = expectedState(name, ref, options.expected)
      if (state.protected) throw refProtected(name, 'it is not deleted')
      return { ...state, deleted: true }
    })
  }

  /** Makes of the ref what `decide` says, as long as it takes; `undefined` leaves it as it is. */
  private async change(
    name: string,
    move: RefMove,
    decide: (ref: StoredRef | undefined) => RefState | undefined,
  ): Promise<RefInfo> {
    for (let attempt = 0; ; attempt++) {
      // What is made is mostly not there yet: the put finds it out without a look.
      const isNew = move.action === 'create' && attempt === 0
      const ref = isNew ? undefined : await this.refs.read(name)
      const next = decide(ref)
      if (!next) return refInfo(ref as StoredRef)
      try {
        return refInfo(
          await this.refs.change(name, ref, next, [{ ...move, ...(!next.deleted && { to: next.commit }) }]),
        )
      } catch (error) {
        if (!isPhloError(error, 'PHLO_OBJECT_CHANGED') || attempt >= mostAttempts) throw error
      }
    }
  }
}

export function refInfo({ name, type, commit, protected: isProtected }: StoredRef): RefInfo {
  return { name, type, commit, protected: isProtected }
}

function expectedState(name: string, ref: StoredRef | undefined, expected: string | undefined): RefState {
  if (!ref || ref.deleted) throw noRef(name)
  if (expected !== undefined && ref.commit !== expected) throw refMoved(name, expected)
  const { type, commit, protected: isProtected, deleted } = ref
  return { type, commit, protected: isProtected, deleted }
}
