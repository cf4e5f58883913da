import {
  CatalogPort,
  parseIdentifier,
  parseRefSpec,
  PhloError,
  QueryEnginePort,
  requireRunBranches,
  resolveRef,
  type SharedKeyLookup,
  type TableIdentifier,
  type VersionedCatalog,
} from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withPlugins } from '../command-context.js'
import { exitCode } from '../exit-codes.js'

/** Opens the catalog, which must have refs or at least branches of its tables, and closes it behind `work`. */
export async function withCatalog(
  context: CommandContext,
  globals: GlobalOptions,
  work: (catalog: VersionedCatalog) => Promise<void>,
): Promise<number> {
  return withPlugins(context, globals, async ({ composition }) => {
    await work(requireRunBranches(composition.get(CatalogPort)))
    return exitCode.ok
  })
}

/** Like {@link withCatalog}, with what looks at rows where a merge cannot tell by metadata whether keys meet. */
export async function withMergingCatalog(
  context: CommandContext,
  globals: GlobalOptions,
  work: (catalog: VersionedCatalog, sharedKey: SharedKeyLookup | undefined) => Promise<void>,
): Promise<number> {
  return withPlugins(context, globals, async ({ composition }) => {
    const engine = composition.find(QueryEnginePort)
    await work(
      requireRunBranches(composition.get(CatalogPort)),
      engine && ((request) => engine.sharedKey(request, { signal: context.signal })),
    )
    return exitCode.ok
  })
}

/** The branch, tag or commit that a text means. */
export function refOf(catalog: VersionedCatalog, text: string): Promise<string> {
  return resolveRef(catalog, parseRefSpec(text))
}

/** The commit's id that a text means. */
export async function commitOf(catalog: VersionedCatalog, text: string): Promise<string> {
  const ref = await refOf(catalog, text)
  return (await catalog.getRef(ref))?.commit ?? ref
}

/** Throws PHLO_CONFIG_INVALID for what is no table's name. */
export function requireIdentifier(text: string, option = '--table'): TableIdentifier {
  const identifier = parseIdentifier(text)
  if (identifier) return identifier
  throw new PhloError('PHLO_CONFIG_INVALID', `${option} ${text} is not of the form namespace.table`)
}
