import {
  type Catalog,
  isPhloError,
  isVersioned,
  mainBranch,
  nearest,
  PhloError,
  type VersionedCatalog,
} from '@phlo/ports'

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

/** The branch, tag or commit that the spec means now. Throws PHLO_REF_NOT_FOUND. */
export async function resolveRef(catalog: Catalog, spec: RefSpec): Promise<string> {
  if (isVersioned(catalog)) await requireRef(catalog, spec.ref)
  if (!spec.time) return spec.ref
  const commit = await requireVersioned(catalog).commitAt(spec.ref, spec.time)
  if (commit === undefined) {
    throw new PhloError('PHLO_REF_NOT_FOUND', `${spec.ref} did not exist at ${spec.time.toISOString()}`)
  }
  return commit
}

/** Throws PHLO_REF_NOT_FOUND with the nearest name. */
async function requireRef(catalog: VersionedCatalog, ref: string): Promise<void> {
  if (await catalog.getRef(ref)) return
  try {
    // Not a name, so it must be a commit that has a history.
    for await (const _commit of catalog.log(ref, { limit: 1 })) return
  } catch (error) {
    if (!isPhloError(error, 'PHLO_REF_NOT_FOUND')) throw error
    const names = (await catalog.listRefs()).map(({ name }) => name)
    const close = nearest(ref, names)
    throw new PhloError('PHLO_REF_NOT_FOUND', `There is no branch, tag or commit ${ref}`, {
      hint: close === undefined ? 'List them: phlo branch list' : `Did you mean ${close}?`,
    })
  }
}

/** Throws PHLO_UNSUPPORTED for catalogs without refs. */
export function requireVersioned(catalog: Catalog): VersionedCatalog {
  if (isVersioned(catalog)) return catalog
  throw new PhloError('PHLO_UNSUPPORTED', 'The profile’s catalog has no branches', {
    hint: 'Choose a versioned catalog, for instance `catalog: { use: embedded }`.',
  })
}
