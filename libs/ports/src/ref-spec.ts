import { type Catalog, mainBranch } from './catalog.js'
import { isPhloError, PhloError } from './errors.js'
import { nearest } from './nearest.js'
import { hasRunBranches, isVersioned, type VersionedCatalog } from './versioned-catalog.js'

/**
 * Where to read: a branch, a tag or a commit's id, perhaps as it stood at a time: `main`, `v1`, `main@{2026-01-01T00:00Z}`,
 * `@{2026-01-01}`.
 */
export interface RefSpec {
  readonly ref: string
  readonly time?: Date
}

/** Throws PHLO_REF_INVALID for a time that is none. */
export function parseRefSpec(text: string): RefSpec {
  const timed = /^(.*?)@\{(.*)\}$/.exec(text)
  if (!timed) return { ref: text }
  const time = new Date(timed[2] as string)
  if (Number.isNaN(time.getTime())) {
    throw new PhloError('PHLO_REF_INVALID', `${JSON.stringify(timed[2])} is no time`, {
      hint: 'Write it in ISO 8601, for instance @{2026-01-01T00:00Z}.',
    })
  }
  return { ref: timed[1] === '' ? mainBranch : (timed[1] as string), time }
}

/** Commits that are looked at for one of which only the beginning is known. */
const lookedAt = 10_000

/**
 * The branch, tag or commit that the spec means now; a commit may be meant by the beginning of its id that no other has,
 * four characters at least. Throws PHLO_REF_NOT_FOUND, and PHLO_REF_INVALID for a beginning that several commits have.
 */
export async function resolveRef(catalog: Catalog, spec: RefSpec): Promise<string> {
  const ref = hasRunBranches(catalog) ? await knownRef(catalog, spec.ref) : spec.ref
  if (!spec.time) return ref
  const commit = await requireVersioned(catalog).commitAt(ref, spec.time)
  if (commit === undefined) {
    throw new PhloError('PHLO_REF_NOT_FOUND', `${spec.ref} did not exist at ${spec.time.toISOString()}`)
  }
  return commit
}

/** The name, or the commit's whole id. Throws PHLO_REF_NOT_FOUND with the nearest name. */
async function knownRef(catalog: VersionedCatalog, ref: string): Promise<string> {
  if (await catalog.getRef(ref)) return ref
  try {
    // Not a name, so it must be a commit that has a history.
    for await (const _commit of catalog.log(ref, { limit: 1 })) return ref
  } catch (error) {
    if (!isPhloError(error, 'PHLO_REF_NOT_FOUND')) throw error
  }
  const [commit, ...others] = catalog.supports.refs && /^[0-9a-f]{4,}$/.test(ref) ? await commitsOf(catalog, ref) : []
  if (commit === undefined) {
    const names = (await catalog.listRefs()).map(({ name }) => name)
    const close = nearest(ref, names)
    throw new PhloError('PHLO_REF_NOT_FOUND', `There is no branch, tag or commit ${ref}`, {
      hint: close === undefined ? 'List them: phlo branch list' : `Did you mean ${close}?`,
    })
  }
  if (others.length === 0) return commit
  throw new PhloError('PHLO_REF_INVALID', `${others.length + 1} commits begin with ${ref}`, {
    hint: 'Write more of the id.',
    context: { commits: [commit, ...others] },
  })
}

/** Commits whose ids begin so, by the history of every ref and by where branches and tags once stood. */
async function commitsOf(catalog: VersionedCatalog, beginning: string): Promise<string[]> {
  const seen = new Set<string>()
  const moved = new Set<string>()
  for (const { name, commit } of await catalog.listRefs()) {
    for await (const { id } of catalog.log(commit)) {
      // What is behind it was seen with it.
      if (seen.has(id) || seen.size >= lookedAt) break
      seen.add(id)
    }
    if (!catalog.supports.reflog) continue
    for await (const { from, to } of catalog.reflog(name)) {
      if (moved.size >= lookedAt) break
      for (const id of [from, to]) if (id !== undefined) moved.add(id)
    }
  }
  return [...new Set([...seen, ...moved])].filter((id) => id.startsWith(beginning))
}

/** What a run needs, or whoever looks at what it left. Throws PHLO_UNSUPPORTED for catalogs that lack it. */
export function requireRunBranches(catalog: Catalog): VersionedCatalog {
  return hasRunBranches(catalog) ? catalog : requireVersioned(catalog)
}

/** Throws PHLO_UNSUPPORTED for catalogs without refs. */
export function requireVersioned(catalog: Catalog): VersionedCatalog {
  if (isVersioned(catalog)) return catalog
  throw new PhloError('PHLO_UNSUPPORTED', 'The profile’s catalog has no branches', {
    hint: 'Choose a versioned catalog, for instance `catalog: { use: embedded }`.',
  })
}
