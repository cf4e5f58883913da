import {
  type ComparedStates,
  formatIdentifier,
  type IcebergSchema,
  type LoadedTable,
  PhloError,
  type QueryEngine,
  type RowDiffCounts,
  sameIdentifier,
  type Snapshot,
  type TableIdentifier,
  type TableMetadata,
  type VersionedCatalog,
} from '@phlo/ports'
import { currentSnapshot, rowCount } from '../plan/asset-state.js'

/** One column's difference, classed by what it does to stored rows. */
export interface ColumnDifference {
  readonly column: string
  readonly change: string
  readonly class: 'safe' | 'breaking'
  readonly detail: string
}

/** How a table differs between two refs. */
export interface TableDifference {
  readonly identifier: TableIdentifier
  readonly change: 'added' | 'removed' | 'changed'
  /** As the snapshots say, `undefined` where they do not, or where there is no table. */
  readonly rowsBefore: number | undefined
  readonly rowsAfter: number | undefined
  readonly columns: readonly ColumnDifference[]
  /** What the second ref's table went through that the first one's did not, newest first. */
  readonly snapshots: readonly Snapshot[]
  /** Both refs have the same table, not another one of its name: its rows can be compared. */
  readonly comparable: boolean
  /** Only where rows were asked for, and where they can be compared. */
  readonly rows?: RowDiffCounts
}

export interface RefDiffOptions {
  /** Only this table. PHLO_TABLE_NOT_FOUND where neither ref has it. */
  readonly table?: TableIdentifier
  /** Counts the rows that differ. */
  readonly engine?: QueryEngine
  /** The columns by which rows are the same one. Default: the table's identifier fields. */
  readonly keys?: readonly string[]
  readonly signal?: AbortSignal
}

/**
 * What differs between two refs of the catalog, table by table in order of the names. `compareColumns` classes what leads from
 * one schema to another.
 */
export async function diffRefs(
  catalog: VersionedCatalog,
  refs: { readonly from: string; readonly to: string },
  compareColumns: (before: IcebergSchema, after: IcebergSchema) => readonly ColumnDifference[],
  options: RefDiffOptions = {},
): Promise<TableDifference[]> {
  const { table, engine, keys, signal } = options
  const { tables } = await catalog.diff(refs.from, refs.to)
  if (
    table &&
    !(await catalog.loadTable(table, { ref: refs.from })) &&
    !(await catalog.loadTable(table, { ref: refs.to }))
  )
    throw new PhloError('PHLO_TABLE_NOT_FOUND', `Neither ref has a table ${formatIdentifier(table)}`)
  const wanted = tables.filter(({ identifier }) => !table || sameIdentifier(identifier, table))
  const found: TableDifference[] = []
  for (const { identifier, change } of wanted) {
    const before = await catalog.loadTable(identifier, { ref: refs.from })
    const after = await catalog.loadTable(identifier, { ref: refs.to })
    const states: ComparedStates = { from: { ref: refs.from }, to: { ref: refs.to } }
    const comparable = before !== undefined && before.metadata['table-uuid'] === after?.metadata['table-uuid']
    found.push({
      identifier,
      change,
      rowsBefore: rowCount(before),
      rowsAfter: rowCount(after),
      columns: before && after ? compareColumns(schemaOf(before.metadata), schemaOf(after.metadata)) : [],
      snapshots: snapshotsSince(before, after),
      comparable,
      ...(engine &&
        comparable && {
          rows: await engine.countDiff(identifier, states, { ...(keys && { keys }), ...(signal && { signal }) }),
        }),
    })
  }
  return found
}

function schemaOf({ schemas, 'current-schema-id': id }: TableMetadata): IcebergSchema {
  return schemas.find((schema) => schema['schema-id'] === id) as IcebergSchema
}

/** Snapshots that led to the table's state and not to the other one, which may be of the same metadata. */
function snapshotsSince(before: LoadedTable | undefined, after: LoadedTable | undefined): Snapshot[] {
  const known = new Set([...lineage(before)].map((snapshot) => snapshot['snapshot-id']))
  const found: Snapshot[] = []
  for (const snapshot of lineage(after)) {
    if (known.has(snapshot['snapshot-id'])) break
    found.push(snapshot)
  }
  return found
}

/** The snapshots that led to the table's state, newest first, as far back as they are kept. */
function* lineage(table: LoadedTable | undefined): Generator<Snapshot> {
  const byId = new Map(table?.metadata.snapshots?.map((snapshot) => [snapshot['snapshot-id'], snapshot]))
  for (let next = currentSnapshot(table); next; next = byId.get(next['parent-snapshot-id'] ?? -1n)) {
    yield next
    byId.delete(next['snapshot-id'])
  }
}
