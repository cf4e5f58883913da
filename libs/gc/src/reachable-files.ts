import { FileKeys, parseMetadata, reachedFiles } from '@phlo/iceberg'
import { formatIdentifier, type LakeState, type ObjectStore, PhloError, type TableMetadata } from '@phlo/ports'
import { FingerprintSet } from './fingerprint-set.js'

/** What leads to a file. */
export interface FileReason {
  /** The branch or tag; none for a table's state that no ref's history knows. */
  readonly ref?: string
  /** The commit of the ref that holds the table's state. */
  readonly commit?: string
  /** Its name at that commit, or its folder's where no commit names it. */
  readonly table: string
  /** The table's snapshot that reads the file; none for metadata files. */
  readonly snapshotId?: bigint
}

/** The files that states of a lake lead to, each with the first reason found. */
export class ReachableFiles {
  private readonly store: ObjectStore
  private readonly found = new FingerprintSet()
  private readonly reasons: FileReason[] = []

  constructor(store: ObjectStore) {
    this.store = store
  }

  get size(): number {
    return this.found.size
  }

  reasonFor(key: string): FileReason | undefined {
    const index = this.found.get(key)
    return index === undefined ? undefined : this.reasons[index]
  }

  /**
   * Adds what a state of a ref leads to; the work grows with the manifests that were not met before. A state of the past
   * whose files an earlier collection took leads to what is left. Gives the folders that the table writes to.
   * Throws PHLO_OBJECT_NOT_FOUND for a present state that has lost a file: what it leads to cannot be known.
   */
  async addState(ref: string, { identifier, kind, metadataLocation, commit, current }: LakeState): Promise<string[]> {
    const reason = { ref, commit, table: formatIdentifier(identifier) }
    if (!this.add(metadataLocation, reason) || kind === 'view') return []
    return this.addMetadataFile(metadataLocation, reason, !current)
  }

  /** Adds what a metadata file leads to that no ref names. */
  async addUnnamed(metadataLocation: string, table: string): Promise<void> {
    const reason = { table }
    if (this.add(metadataLocation, reason)) await this.addMetadataFile(metadataLocation, reason, true)
  }

  private async addMetadataFile(location: string, reason: FileReason, lenient: boolean): Promise<string[]> {
    const key = this.store.key(location)
    const object = key === undefined ? undefined : await this.store.get(key)
    if (!object) {
      if (lenient) return []
      throw new PhloError('PHLO_OBJECT_NOT_FOUND', `The metadata file of ${reason.table} is not there: ${location}`, {
        hint: 'Nothing was deleted: what the table leads to cannot be known. Drop it, or bring the file back.',
        context: { ...reason, metadataLocation: location },
      })
    }
    const metadata = parseMetadata(object.bytes, location)
    await this.addTable(metadata, reason, lenient)
    const { location: folder, properties } = metadata
    return [folder, properties?.['write.data.path'], properties?.['write.metadata.path']].filter(
      (uri) => uri !== undefined,
    )
  }

  private async addTable(metadata: TableMetadata, reason: FileReason, lenient: boolean): Promise<void> {
    const folder = this.store.key(metadata.location)
    const keys = folder === undefined ? undefined : new FileKeys(this.store, folder)
    let why = reason
    const add = (path: string, snapshotId: bigint | undefined) => {
      // One reason for each run of files of a snapshot.
      if (why.snapshotId !== snapshotId) why = snapshotId === undefined ? reason : { ...reason, snapshotId }
      return this.add(path, why, keys)
    }
    for await (const { path, snapshotId } of reachedFiles(this.store, metadata, add, lenient)) add(path, snapshotId)
  }

  /** False for a file that was there already. */
  private add(location: string, reason: FileReason, keys?: FileKeys): boolean {
    const known = this.reasons.at(-1) === reason
    const index = known ? this.reasons.length - 1 : this.reasons.length
    const own = this.store.key(location)
    const candidates = keys ? keys.of(location) : own === undefined ? [] : [own]
    let fresh = false
    for (const key of candidates) fresh = this.found.add(key, index) || fresh
    if (fresh && !known) this.reasons.push(reason)
    // A file outside the store is nobody's garbage, but what it names may be inside.
    return fresh || candidates.length === 0
  }
}
