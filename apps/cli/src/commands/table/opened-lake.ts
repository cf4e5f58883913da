import type { MaintainedTable } from '@phlo/iceberg'
import {
  type Catalog,
  CatalogPort,
  formatIdentifier,
  type LoadedTable,
  nearest,
  type ObjectStore,
  ObjectStorePort,
  parseIdentifier,
  parseRefSpec,
  PhloError,
  type QueryEngine,
  QueryEnginePort,
  resolveRef,
} from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withPlugins } from '../../command-context.js'
import { exitCode } from '../../exit-codes.js'

export interface Opened {
  readonly catalog: Catalog
  readonly store: ObjectStore
  /** The commit that is read, where the catalog has refs. */
  readonly ref: string
  /** The engine, which is started only when it is asked for. */
  readonly engine: () => QueryEngine
}

export async function withLake(
  context: CommandContext,
  globals: GlobalOptions,
  ref: string,
  work: (opened: Opened) => Promise<void>,
): Promise<number> {
  return withPlugins(context, globals, async ({ composition }) => {
    const catalog = composition.get(CatalogPort)
    await work({
      catalog,
      store: composition.get(ObjectStorePort),
      ref: await resolveRef(catalog, parseRefSpec(ref)),
      engine: () => composition.get(QueryEnginePort),
    })
    return exitCode.ok
  })
}

/** Opens the lake and finds a table of it. Throws PHLO_TABLE_NOT_FOUND with the nearest name. */
export function withTable(
  context: CommandContext,
  globals: GlobalOptions,
  { name, ref }: { readonly name: string; readonly ref: string },
  work: (table: LoadedTable, opened: Opened) => Promise<void>,
): Promise<number> {
  return withLake(context, globals, ref, async (opened) => work(await find(opened, name), opened))
}

/** Throws PHLO_TABLE_NOT_FOUND with the nearest name. */
async function find({ catalog, ref }: Pick<Opened, 'catalog' | 'ref'>, name: string): Promise<LoadedTable> {
  const identifier = parseIdentifier(name)
  const table = identifier && (await catalog.loadTable(identifier, { ref }))
  if (table) return table
  const names = (await catalog.listTables({ ref })).map(formatIdentifier)
  const near = nearest(name, names)
  throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${name} at ${ref}`, {
    hint: near === undefined ? `Tables: ${names.join(', ') || 'none'}` : `Did you mean ${near}?`,
  })
}

/** A table on a branch of the lake, for maintenance. `message` is that of its commits. */
export function maintained(
  { catalog, store }: Opened,
  table: LoadedTable,
  branch: string,
  message: string,
): MaintainedTable {
  const { identifier } = table
  return {
    store,
    load: async () => (await find({ catalog, ref: branch }, formatIdentifier(identifier))).metadata,
    async commit(requirements, updates) {
      const { tables } = await catalog.commit([{ kind: 'table', identifier, requirements, updates }], {
        ref: branch,
        message,
      })
      return (tables[0] as LoadedTable).metadata
    },
  }
}
