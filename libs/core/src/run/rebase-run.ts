import {
  formatIdentifier,
  isPhloError,
  mainBranch,
  parseIdentifier,
  PhloError,
  type RefInfo,
  type SharedKeyLookup,
  type TableIdentifier,
  type VersionedCatalog,
} from '@phlo/ports'
import type { IntervalSet } from '../partitions/interval-set.js'
import { assetStateProperties, mergedPartitions, readAssetState } from '../plan/asset-state.js'

interface RunRebase {
  readonly branch: string
  /** The commit of main that the run started from. */
  readonly base: string
  /** The run's own last commit. */
  readonly run: string
  /** The commit of main to put the run's changes on. */
  readonly onto: string
  /** What main changed that the run has to do with. */
  readonly changed: readonly string[]
  readonly sharedKey: SharedKeyLookup
}

/** Partitions that both sides took in, of one table. */
interface Partitions {
  readonly identifier: TableIdentifier
  /** As the run has them. */
  readonly run: IntervalSet
  /** As main has them. */
  readonly main: IntervalSet
  readonly both: IntervalSet
}

/**
 * Puts a run's changes on top of a newer main, on the run's branch, and gives the names of the tables that both changed.
 * The run's changes are replayed on main's and not the other way round, so that main's snapshots keep their ids.
 * Throws PHLO_MERGE_CONFLICT with the tables and reasons; the branch is then as the run left it.
 */
export async function rebaseRun(catalog: VersionedCatalog, rebase: RunRebase): Promise<string[]> {
  try {
    const { tables } = await (catalog.supports.refs ? onBranch : onTableBranches)(catalog, rebase)
    return tables.filter(({ outcome }) => outcome === 'rebased').map(({ identifier }) => formatIdentifier(identifier))
  } catch (error) {
    throw isPhloError(error, 'PHLO_MERGE_CONFLICT') ? conflictOf(error) : error
  }
}

async function onBranch(catalog: VersionedCatalog, { branch, base, run, onto, changed, sharedKey }: RunRebase) {
  const partitions = await partitionsOfBoth(catalog, changed, { base, main: onto, run })
  try {
    let source = run
    if (partitions.length > 0) {
      await catalog.assignRef(branch, run)
      // Properties that both changed only go together where they are equal; what is true of both is said afterwards.
      await setPartitions(catalog, branch, partitions, 'main')
      source = (await headOf(catalog, branch)).commit
    }
    await catalog.assignRef(branch, onto)
    const merged = await catalog.merge(source, branch, { ...onTop(branch), sharedKey })
    await setPartitions(catalog, branch, partitions, 'both')
    return merged
  } catch (error) {
    await catalog.assignRef(branch, run).catch(() => {
      // What went wrong first is what to tell. The run's commits are in the branch's history all the same.
    })
    throw error
  }
}

/** Branches of tables move in the merge itself: main's snapshots are theirs, too. */
async function onTableBranches(catalog: VersionedCatalog, { branch, base, changed, sharedKey }: RunRebase) {
  const partitions = await partitionsOfBoth(catalog, changed, { base, main: mainBranch, run: branch })
  await setPartitions(catalog, branch, partitions, 'main')
  try {
    const merged = await catalog.merge(mainBranch, branch, { ...onTop(branch), sharedKey })
    await setPartitions(catalog, branch, partitions, 'both')
    return merged
  } catch (error) {
    await setPartitions(catalog, branch, partitions, 'run').catch(() => {
      // What went wrong first is what to tell.
    })
    throw error
  }
}

const onTop = (branch: string) => ({ message: `Put ${branch} on top of the present ${mainBranch}` })

/** The merge's conflict, said of the run. */
function conflictOf(error: PhloError): PhloError {
  const { tables, conflicts } = error.context as {
    readonly tables: readonly string[]
    readonly conflicts: readonly { readonly name: string; readonly reason?: string }[]
  }
  const reasons = conflicts.map(({ name, reason }) => (reason === undefined ? name : `${name} (${reason})`))
  return new PhloError(
    'PHLO_MERGE_CONFLICT',
    `${mainBranch} changed what the run changed, too, while it was under way: ${reasons.join(', ')}`,
    {
      hint: 'Run again: it starts from the present main.',
      retryable: true,
      context: { tables, conflicts },
      cause: error,
    },
  )
}

/** Writes into the state of assets which partitions were taken in. */
async function setPartitions(
  catalog: VersionedCatalog,
  branch: string,
  tables: readonly Partitions[],
  side: 'run' | 'main' | 'both',
): Promise<void> {
  if (tables.length === 0) return
  await catalog.commit(
    tables.map((table) => ({
      kind: 'table',
      identifier: table.identifier,
      requirements: [],
      updates: [{ action: 'set-properties', updates: assetStateProperties({ materialized: table[side] }) }],
    })),
    { ref: branch, message: 'Bring together which partitions were taken in' },
  )
}

/** Where the branch stands. Throws PHLO_REF_NOT_FOUND. */
export async function headOf(catalog: VersionedCatalog, branch: string): Promise<RefInfo> {
  const head = await catalog.getRef(branch)
  if (!head) throw new PhloError('PHLO_REF_NOT_FOUND', `There is no branch ${branch}`)
  return head
}

async function partitionsOfBoth(
  catalog: VersionedCatalog,
  changed: readonly string[],
  refs: { readonly base: string; readonly main: string; readonly run: string },
): Promise<Partitions[]> {
  const found: Partitions[] = []
  for (const name of changed) {
    const identifier = parseIdentifier(name)
    if (!identifier) continue
    const [base, main, run] = await Promise.all(
      [refs.base, refs.main, refs.run].map((ref) => catalog.loadTable(identifier, { ref })),
    )
    const both = mergedPartitions(base, main, run)
    const [ofMain, ofRun] = [readAssetState(main).materialized, readAssetState(run).materialized]
    if (both) found.push({ identifier, run: ofRun, main: ofMain, both })
  }
  return found
}
