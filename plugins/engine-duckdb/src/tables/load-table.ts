import { type Catalog, formatIdentifier, type LoadedTable, PhloError, type TableIdentifier } from '@phlo/ports'

/** The table that a statement means: names in SQL do not tell letters' case apart. `undefined` when there is none. */
export async function findTable(
  catalog: Catalog,
  table: TableIdentifier,
  ref: string | undefined,
): Promise<LoadedTable | undefined> {
  const options = ref === undefined ? {} : { ref }
  const exact = await catalog.loadTable(table, options)
  if (exact) return exact
  const name = formatIdentifier(table).toLowerCase()
  const same = (await catalog.listTables(options)).find(
    (candidate) => formatIdentifier(candidate).toLowerCase() === name,
  )
  return same && catalog.loadTable(same, options)
}

/** Like {@link findTable}; throws PHLO_TABLE_NOT_FOUND with the names that there are. */
export async function loadTable(
  catalog: Catalog,
  table: TableIdentifier,
  ref: string | undefined,
): Promise<LoadedTable> {
  const found = await findTable(catalog, table, ref)
  if (found) return found
  const names = (await catalog.listTables(ref === undefined ? {} : { ref })).map(formatIdentifier)
  throw new PhloError(
    'PHLO_TABLE_NOT_FOUND',
    `There is no table ${formatIdentifier(table)}${ref === undefined ? '' : ` at ${ref}`}`,
    {
      hint:
        names.length === 0
          ? 'The lake has no tables here yet.'
          : `Tables here: ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}`,
      context: { table: formatIdentifier(table), tables: names },
    },
  )
}
