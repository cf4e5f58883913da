import {
  type CommitInfo,
  formatIdentifier,
  type LoadedTable,
  mainBranch,
  PhloError,
  type TableIdentifier,
  type VersionedCatalog,
} from '@phlo/ports'

export interface UndropRequest {
  readonly table: TableIdentifier
  /** The branch that it was dropped on. Default `main`. */
  readonly ref?: string
  /** Another name for it; needed where a new table has the old one. */
  readonly as?: TableIdentifier
  readonly author?: string
  readonly properties?: Readonly<Record<string, string>>
}

export interface Undropped {
  readonly table: LoadedTable
  /** The last commit of the branch that held it. */
  readonly foundAt: string
  /** The commit that brought it back. */
  readonly commit: string
}

/**
 * Brings a dropped table back as it last was on the branch: its metadata file is registered again, nothing is copied. When
 * a new table has its name, the one before it is meant, and `as` says what it is called now.
 * Throws PHLO_TABLE_NOT_FOUND when the branch's history never held such a table, PHLO_TABLE_EXISTS and PHLO_VIEW_EXISTS for
 * a name that is taken, PHLO_NAMESPACE_NOT_FOUND when its namespace is gone, too.
 */
export async function undropTable(catalog: VersionedCatalog, request: UndropRequest): Promise<Undropped> {
  const { table, ref = mainBranch, as = table, author, properties } = request
  const present = (await catalog.loadTable(table, { ref }))?.metadata['table-uuid']
  for await (const commit of catalog.log(ref, { table })) {
    const found = await before(catalog, table, commit)
    if (!found || found.loaded.metadata['table-uuid'] === present) continue
    const { commit: made = '', tables } = await catalog.commit(
      [{ kind: 'register-table', identifier: as, metadataLocation: found.loaded.metadataLocation }],
      {
        ref,
        message: `Bring ${formatIdentifier(table)} back${as === table ? '' : ` as ${formatIdentifier(as)}`}`,
        ...(author !== undefined && { author }),
        ...(properties && { properties }),
      },
    )
    return { table: tables[0] as LoadedTable, foundAt: found.commit, commit: made }
  }
  throw new PhloError(
    'PHLO_TABLE_NOT_FOUND',
    `No commit of ${ref} has dropped a table ${formatIdentifier(table)}`,
    present === undefined ? {} : { hint: `${formatIdentifier(table)} is there.` },
  )
}

/** The table as it was before the commit that changed it. */
async function before(
  catalog: VersionedCatalog,
  table: TableIdentifier,
  { parents: [parent] }: CommitInfo,
): Promise<{ readonly loaded: LoadedTable; readonly commit: string } | undefined> {
  const loaded = parent === undefined ? undefined : await catalog.loadTable(table, { ref: parent })
  return loaded && parent !== undefined ? { loaded, commit: parent } : undefined
}
