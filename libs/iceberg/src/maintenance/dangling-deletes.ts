import { isPhloError, type ObjectStore, type TableMetadata } from '@phlo/ports'
import { TableTransaction } from '../commit/transaction.js'
import { type DataFile, entryStatus, fileContent } from '../manifest/data-file.js'
import { partitionKey } from '../manifest/partition-key.js'
import { TableFiles } from '../manifest/table-files.js'
import { mainTableBranch, refSnapshot } from '../metadata/metadata.js'
import { deleteColumnIds, referencedDataFile } from '../scan/delete-index.js'
import { type MaintainedTable, withRetries } from './maintained-table.js'

export interface DanglingOptions {
  /** The table's branch. Default `main`. */
  readonly branch?: string
}

/** Delete files that delete no row any more. */
export interface DanglingPlan {
  readonly snapshotId: bigint | undefined
  readonly files: readonly Pick<DataFile, 'path' | 'content' | 'contentOffset' | 'recordCount' | 'fileSize'>[]
  /** How many delete files were looked at. */
  readonly examined: number
}

export interface DanglingResult {
  readonly removed: number
  readonly bytes: number
  readonly snapshotId?: bigint
}

/** Where the table has data files, and how old the oldest of each partition is. */
class LiveData {
  readonly paths = new Set<string>()
  private readonly oldest = new Map<string, number>()
  private oldestOfAll = Number.POSITIVE_INFINITY

  add(file: DataFile, sequenceNumber: number, referenced: ReadonlySet<string>): void {
    if (referenced.has(file.path)) this.paths.add(file.path)
    const key = partitionOf(file)
    this.oldest.set(key, Math.min(this.oldest.get(key) ?? sequenceNumber, sequenceNumber))
    this.oldestOfAll = Math.min(this.oldestOfAll, sequenceNumber)
  }

  /** Is there a data file that the delete file may be about? Spec: "Scan Planning". */
  needs(file: DataFile, sequenceNumber: number, global: boolean): boolean {
    const path = file.content === fileContent.positionDeletes ? referencedDataFile(file) : undefined
    if (path !== undefined) return this.paths.has(path)
    const oldest = global ? this.oldestOfAll : (this.oldest.get(partitionOf(file)) ?? Number.POSITIVE_INFINITY)
    return file.content === fileContent.equalityDeletes ? oldest < sequenceNumber : oldest <= sequenceNumber
  }
}

function partitionOf(file: DataFile): string {
  return `${file.specId} ${partitionKey(file)}`
}

/** Statistics that tell which data file position deletes are about. */
const paths = { statistics: new Set([deleteColumnIds.path]) }

/**
 * Finds delete files that no data file needs: those about files that have left, and those that are older than all rows
 * they could be about. Only manifests are read.
 */
export async function planDanglingDeletes(
  store: ObjectStore,
  metadata: TableMetadata,
  options: DanglingOptions = {},
): Promise<DanglingPlan> {
  const snapshot = refSnapshot(metadata, options.branch ?? mainTableBranch)
  const files = new TableFiles(store, metadata)
  const manifests = snapshot ? await files.manifests(snapshot) : []
  const deletes: { file: DataFile; sequenceNumber: number }[] = []
  for (const manifest of manifests.filter(({ content }) => content === 1)) {
    for await (const { status, file, sequenceNumber } of files.entries(manifest, paths))
      if (status !== entryStatus.deleted) deletes.push({ file, sequenceNumber })
  }
  const referenced = new Set(deletes.flatMap(({ file }) => referencedDataFile(file) ?? []))
  const live = new LiveData()
  for (const manifest of deletes.length > 0 ? manifests.filter(({ content }) => content === 0) : []) {
    for await (const { status, file, sequenceNumber } of files.entries(manifest, { statistics: new Set() }))
      if (status !== entryStatus.deleted) live.add(file, sequenceNumber, referenced)
  }
  const isGlobal = ({ content, specId }: DataFile) =>
    content === fileContent.equalityDeletes && files.spec(specId).length === 0
  const dangling = deletes.filter(({ file, sequenceNumber }) => !live.needs(file, sequenceNumber, isGlobal(file)))
  return {
    snapshotId: snapshot?.['snapshot-id'],
    files: dangling.map(({ file }) => file),
    examined: deletes.length,
  }
}

/**
 * Takes delete files that no data file needs out of the table, so that planning and reading look at fewer. Rows stay as
 * they are, and what others commit meanwhile does too: data files that come later are younger than the deletes.
 * Throws PHLO_COMMIT_CONFLICT after many lost races.
 */
export async function removeDanglingDeletes(
  table: MaintainedTable,
  options: DanglingOptions = {},
): Promise<DanglingResult> {
  // On a table that somebody changed, other deletes may be needed: it is looked at anew.
  return withRetries(table, async (metadata) => {
    const { files } = await planDanglingDeletes(table.store, metadata, options)
    if (files.length === 0) return { removed: 0, bytes: 0 }
    const gone = new Set(files.map(identity))
    const transaction = TableTransaction.change(table.store, metadata)
    const snapshotId = await transaction.addSnapshot({
      ...(options.branch !== undefined && { branch: options.branch }),
      operation: 'replace',
      add: [],
      remove: { mayHold: ({ content }) => content === 1, matches: (file) => gone.has(identity(file)) },
    })
    try {
      await table.commit(transaction.requirements, transaction.updates)
    } catch (error) {
      if (isPhloError(error, 'PHLO_COMMIT_CONFLICT')) await transaction.discardAll()
      throw error
    }
    return { removed: files.length, bytes: files.reduce((sum, { fileSize }) => sum + fileSize, 0), snapshotId }
  })
}

/** Several deletion vectors share a file. */
function identity({ path, contentOffset }: Pick<DataFile, 'path' | 'contentOffset'>): string {
  return `${contentOffset ?? ''} ${path}`
}
