import type { Snapshot, TableMetadata } from '@phlo/ports'
import { type DataFile, fileContent, isDeletionVector } from '../manifest/data-file.js'
import type { TableFiles } from '../manifest/table-files.js'
import { snapshotsBetween } from '../metadata/ancestry.js'
import { ConcurrentChanges, type Concerned } from './concurrent-changes.js'
import { conflict } from './conflict.js'
import { AddedPartitions } from './leaving-files.js'
import type { SnapshotChange } from './snapshot-change.js'

/**
 * Checks a change against what others committed since it was made. Throws PHLO_COMMIT_CONFLICT. The rules are those of
 * the reference implementation, chosen by what the change does.
 */
export class ChangeValidation {
  private readonly rewrites: boolean
  private readonly addsData: boolean
  private readonly addsDeletes: boolean
  private readonly removes: boolean

  private readonly change: SnapshotChange

  constructor(change: SnapshotChange) {
    this.change = change
    this.rewrites = change.operation === 'replace'
    this.addsData = change.add.some(({ content }) => content === fileContent.data)
    this.addsDeletes = change.add.some(({ content }) => content !== fileContent.data)
    this.removes =
      change.remove !== undefined ||
      change.replacePartitions === true ||
      (change.removePaths !== undefined && change.removePaths.size > 0)
  }

  /**
   * What others did between the snapshot that the change was made from and the branch's newest, `undefined` when it is
   * of no interest.
   */
  concurrent(files: TableFiles, base: TableMetadata, started: bigint | undefined, head: bigint | undefined) {
    const { validation = {} } = this.change
    const blind = validation.isolation === 'none' && !this.rewrites && !this.addsDeletes
    if (blind || !(this.removes || this.addsDeletes || this.change.validation)) return undefined
    const from = validation.from === undefined ? started : (validation.from ?? undefined)
    if (from === head) return undefined
    const between: Snapshot[] | undefined = snapshotsBetween(base, from, head)
    if (!between) {
      throw conflict('The branch no longer holds the snapshot that the change was made from', {
        ...(from !== undefined && { snapshot: from }),
      })
    }
    const unseen = between.filter((snapshot) => !validation.seen?.has(snapshot['snapshot-id']))
    return new ConcurrentChanges(files, unseen)
  }

  /** `removed` are the data files that leave with the change. */
  async check(concurrent: ConcurrentChanges, files: TableFiles, removed: readonly DataFile[]): Promise<void> {
    await this.checkReferences(concurrent)
    if (this.rewrites) return this.checkRewrite(concurrent, removed)
    const { validation = {}, replacePartitions, remove, add } = this.change
    const { isolation = 'serializable', filter = { op: 'true' } } = validation
    if (isolation === 'none') return
    const { within, united } = validation
    const region = within ?? (replacePartitions ? new AddedPartitions(add, files) : undefined)
    const concerned: Concerned = region ? { region } : { filter }
    if (isolation === 'serializable')
      refuse(await concurrent.addedData(concerned), 'added rows that the change had to see')
    const byRule = replacePartitions === true || remove !== undefined
    if (byRule) refuse(await concurrent.removedData(concerned), 'removed files that the change is about')
    // New versions of rows must not bring back what others deleted.
    if (byRule || (this.addsDeletes && this.addsData))
      refuse(await concurrent.addedDeletes(concerned, united === undefined), 'deleted rows that the change is about')
    refuse(
      await concurrent.deletedFrom(removed, filter, { ignoreEqualityDeletes: false }),
      'deleted rows of a file that the change replaces',
    )
  }

  private async checkReferences(concurrent: ConcurrentChanges): Promise<void> {
    if (!this.addsDeletes) return
    const deletes = this.change.add.filter(({ content }) => content !== fileContent.data)
    const referenced = new Set([
      ...deletes.flatMap(({ referencedDataFile: path }) => (path === undefined ? [] : [path])),
      ...(this.change.validation?.referencedPaths ?? []),
    ])
    // A mere delete has nothing left to do for a file that somebody deleted whole.
    if (referenced.size > 0)
      refuse(await concurrent.removedOf(referenced, !this.addsData), 'removed a file of which the change deletes rows')
    const covered = new Set(deletes.filter(isDeletionVector).map(({ referencedDataFile: path }) => path as string))
    for (const path of this.change.validation?.united ?? []) covered.delete(path)
    if (covered.size > 0)
      refuse(await concurrent.addedVector(covered), 'deleted rows of a file of which the change deletes rows')
  }

  private async checkRewrite(concurrent: ConcurrentChanges, removed: readonly DataFile[]): Promise<void> {
    const data = this.change.add.filter(({ content }) => content === fileContent.data)
    // Rows that keep their old sequence number stay subject to equality deletes made since.
    const ignoreEqualityDeletes = data.length > 0 && data.every((file) => file.sequenceNumber !== undefined)
    refuse(
      await concurrent.deletedFrom(removed, { op: 'true' }, { ignoreEqualityDeletes }),
      'deleted rows of a file that was rewritten',
    )
  }
}

function refuse(file: DataFile | undefined, what: string): void {
  if (file) throw conflict(`Another commit ${what}: ${file.path}`, { file: file.path })
}
