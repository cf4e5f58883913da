import { randomUUID } from 'node:crypto'
import { checkRefName, noRef, refMoved } from '@phlo/catalog'
import { mainBranch, PhloError, type RefInfo, type VersionedCatalog } from '@phlo/ports'
import { isCommitHash, type NessieApi, type Outcome, type Reference } from './nessie-api.js'

/** A move of a ref that loses to others is tried this often. */
const mostAttempts = 100

/** Branches and tags. */
export class NessieRefs {
  private readonly api: NessieApi

  constructor(api: NessieApi) {
    this.api = api
  }

  async list(): Promise<RefInfo[]> {
    const found = await this.api.references()
    return found
      .filter(({ name }) => !name.startsWith(scratchPrefix))
      .map(refInfo)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async get(name: string): Promise<Reference | undefined> {
    return isPossibleName(name) ? this.api.reference(name) : undefined
  }

  /** The hash of the commit that a branch, a tag or a hash means. Throws PHLO_REF_NOT_FOUND for a name that is none. */
  async resolve(ref: string = mainBranch): Promise<string> {
    if (isCommitHash(ref)) return ref
    const found = await this.get(ref)
    if (!found) throw noRef(ref)
    return found.hash
  }

  /** Throws PHLO_REF_NOT_FOUND, and PHLO_REF_INVALID for a tag. */
  async branch(name: string): Promise<Reference> {
    const found = await this.get(name)
    if (!found) throw noRef(name)
    if (found.type !== 'BRANCH') throw new PhloError('PHLO_REF_INVALID', `${name} is a tag, and tags do not move`)
    return found
  }

  async create(name: string, options: Parameters<VersionedCatalog['createRef']>[1] = {}): Promise<RefInfo> {
    checkRefName(name)
    if (options.protected) throw noProtection()
    const type = options.type === 'tag' ? 'TAG' : 'BRANCH'
    const hash = await this.resolve(options.from)
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const outcome = await this.invalidName(name, () => this.api.createReference(name, type, hash))
      if ('hash' in outcome) return refInfo({ name, type, hash: outcome.hash })
      if ('conflict' in outcome) throw new PhloError('PHLO_REF_EXISTS', `There is a branch or tag ${name} already`)
      // Nobody tells whose it is; it is what was asked for.
      const found = await this.get(name)
      if (found?.hash === hash && found.type === type) return refInfo(found)
    }
    throw lost(name)
  }

  async assign(name: string, to: string, options: Parameters<VersionedCatalog['assignRef']>[2] = {}): Promise<RefInfo> {
    const type = options.type === 'tag' ? 'TAG' : 'BRANCH'
    const hash = await this.resolve(to)
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const found = await this.get(name)
      if (!found) throw noRef(name)
      if (found.type !== type)
        throw new PhloError('PHLO_REF_INVALID', `${name} is a ${found.type.toLowerCase()}, not a ${type.toLowerCase()}`)
      if (options.expected !== undefined && found.hash !== options.expected && !(attempt > 0 && found.hash === hash))
        throw refMoved(name, options.expected)
      const outcome = await this.api.assignReference(found, hash)
      if ('hash' in outcome) return refInfo({ ...found, hash: outcome.hash })
    }
    throw lost(name)
  }

  async delete(name: string, options: { readonly expected?: string } = {}): Promise<void> {
    if (name === mainBranch) throw new PhloError('PHLO_REF_INVALID', `The branch ${mainBranch} cannot be deleted`)
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const found = await this.get(name)
      if (!found) {
        // An earlier attempt's answer got lost.
        if (attempt > 0) return
        throw noRef(name)
      }
      if (options.expected !== undefined && found.hash !== options.expected) throw refMoved(name, options.expected)
      if ('hash' in (await this.api.deleteReference(found))) return
    }
    throw lost(name)
  }

  /**
   * Does the work on a branch of its own that begins at the commit and goes afterwards. `made` is the commit at which it
   * stands then, which stays readable by its hash.
   */
  async aside<T extends { readonly made: string | undefined }>(
    hash: string,
    work: (branch: Reference) => Promise<T>,
  ): Promise<T> {
    const name = `${scratchPrefix}${randomUUID()}`
    await this.api.createReference(name, 'BRANCH', hash)
    let made: string | undefined
    try {
      const result = await work({ type: 'BRANCH', name, hash })
      made = result.made
      return result
    } finally {
      await this.api.deleteReference({ type: 'BRANCH', name, hash: made ?? hash }).catch(() => undefined)
    }
  }

  /** Nessie's rule for names is narrower than everybody's, and its own to tell. */
  private async invalidName(name: string, work: () => Promise<Outcome>): Promise<Outcome> {
    if (isPossibleName(name)) return work()
    throw new PhloError('PHLO_REF_INVALID', `${JSON.stringify(name)} cannot be the name of a branch or tag in Nessie`, {
      hint: 'Begin with a letter, and use letters, digits, "_", "-", "." and "/" between parts.',
    })
  }
}

/** Branches that a merge is made on before its target moves to it, and those of detached commits. */
const scratchPrefix = 'phlo-merge/'

export function refInfo({ name, type, hash }: Reference): RefInfo {
  return { name, type: type === 'TAG' ? 'tag' : 'branch', commit: hash, protected: false }
}

export function noProtection(): PhloError {
  return new PhloError('PHLO_UNSUPPORTED', 'Nessie has no protected branches and tags of its own', {
    hint: 'Its authorization rules can keep people from changing a branch.',
  })
}

/** Source: Nessie, `Validation.REF_NAME_REGEX`. */
function isPossibleName(name: string): boolean {
  return /^[A-Za-z](?:(?!\.\.)[A-Za-z0-9./_-])*$/.test(name) && !/[/.]$/.test(name)
}

function lost(name: string): PhloError {
  return new PhloError('PHLO_COMMIT_CONFLICT', `${name} moved ${mostAttempts} times while it was to be moved`, {
    retryable: true,
  })
}
