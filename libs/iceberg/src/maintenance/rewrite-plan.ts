import type { ObjectStore, TableMetadata } from '@phlo/ports'
import { type DataFile, fileContent } from '../manifest/data-file.js'
import { partitionKey } from '../manifest/partition-key.js'
import { targetFileSize } from '../metadata/properties.js'
import { selectSnapshot } from '../metadata/select-snapshot.js'
import { referencedDataFile } from '../scan/delete-index.js'
import type { Expression } from '../scan/expression.js'
import { planScan, type ScanTask } from '../scan/scan.js'

/** Which data files are worth being written anew. Sizes are in bytes. */
export interface RewriteOptions {
  /** The table's branch. Default `main`. */
  readonly branch?: string
  /** Only files that may hold rows which meet it. */
  readonly filter?: Expression
  /** Default: the property `write.target-file-size-bytes`, or 128 MiB. */
  readonly targetFileSize?: number
  /** Smaller files are rewritten. Default: three quarters of the target. */
  readonly minFileSize?: number
  /** Larger files are rewritten. Default: 1.8 times the target. */
  readonly maxFileSize?: number
  /** As many small files together are worth a rewrite, however small. Default 5. */
  readonly minInputFiles?: number
  /** Files with at least as many delete files are rewritten. Default: no number of them is a reason. */
  readonly deleteFileThreshold?: number
  /** Files of which at least this part of the rows is deleted are rewritten. 0 to 1; default 0.3. */
  readonly deleteRatioThreshold?: number
  /** A group is written and committed whole. Default 8 GiB. */
  readonly maxGroupSize?: number
  /** Every file, whatever its size: to sort a table or to bring it to its present partitioning. Default false. */
  readonly all?: boolean
}

/** Files of one partition that are rewritten together. */
export interface FileGroup {
  readonly specId: number
  readonly partition: DataFile['partition']
  readonly tasks: readonly ScanTask[]
  readonly rows: number
  readonly bytes: number
  /** How many delete files apply. */
  readonly deletes: number
}

/** What a rewrite would do to a snapshot's files. */
export interface RewritePlan {
  /** The snapshot that was looked at; a table without one has nothing to rewrite. */
  readonly snapshotId: bigint | undefined
  /** Rewritten files keep it, so that equality deletes of later commits still apply to their rows. */
  readonly sequenceNumber: number
  readonly targetFileSize: number
  readonly groups: readonly FileGroup[]
  readonly files: number
  readonly rows: number
  readonly bytes: number
  /** How many files were looked at. */
  readonly examined: number
}

const defaultGroupSize = 8 * 1024 * 1024 * 1024

interface Limits {
  readonly target: number
  readonly min: number
  readonly max: number
  readonly minInputFiles: number
  readonly deleteFiles: number
  readonly deleteRatio: number
  readonly groupSize: number
}

/**
 * Finds the data files that are too small, too large or too much deleted from, and puts them together by partition into
 * groups that are worth being written anew. Groups with the most files come first. Throws PHLO_ICEBERG_INVALID for a
 * filter that does not bind, and PHLO_REF_NOT_FOUND.
 */
export async function planRewrite(
  store: ObjectStore,
  metadata: TableMetadata,
  options: RewriteOptions = {},
): Promise<RewritePlan> {
  const limits = limitsOf(metadata, options)
  const { snapshot } = selectSnapshot(metadata, options.branch === undefined ? {} : { ref: options.branch })
  const partitions = new Map<string, ScanTask[]>()
  let examined = 0
  if (snapshot) {
    const scan = { snapshotId: snapshot['snapshot-id'], ...(options.filter && { filter: options.filter }) }
    for await (const task of planScan(store, metadata, scan)) {
      examined++
      if (options.all !== true && !isWanted(task, limits)) continue
      const key = `${task.file.specId} ${partitionKey(task.file)}`
      const tasks = partitions.get(key)
      if (tasks) tasks.push(task)
      else partitions.set(key, [task])
    }
  }
  const groups = [...partitions.values()]
    .flatMap((tasks) => pack(tasks, limits.groupSize))
    .filter((tasks) => options.all === true || isWorthIt(tasks, limits))
    .map(groupOf)
    .sort((a, b) => b.tasks.length - a.tasks.length)
  const sum = (of: (group: FileGroup) => number) => groups.reduce((total, group) => total + of(group), 0)
  return {
    snapshotId: snapshot?.['snapshot-id'],
    sequenceNumber: snapshot?.['sequence-number'] ?? 0,
    targetFileSize: limits.target,
    groups,
    files: sum(({ tasks }) => tasks.length),
    rows: sum(({ rows }) => rows),
    bytes: sum(({ bytes }) => bytes),
    examined,
  }
}

function limitsOf(metadata: TableMetadata, options: RewriteOptions): Limits {
  const target = options.targetFileSize ?? targetFileSize(metadata)
  return {
    target,
    min: options.minFileSize ?? Math.floor(target * 0.75),
    max: options.maxFileSize ?? Math.floor(target * 1.8),
    minInputFiles: options.minInputFiles ?? 5,
    deleteFiles: options.deleteFileThreshold ?? Number.POSITIVE_INFINITY,
    deleteRatio: options.deleteRatioThreshold ?? 0.3,
    groupSize: options.maxGroupSize ?? defaultGroupSize,
  }
}

function isWanted(task: ScanTask, limits: Limits): boolean {
  const { fileSize } = task.file
  return fileSize < limits.min || fileSize > limits.max || isMuchDeleted(task, limits)
}

function isMuchDeleted({ file, deletes }: ScanTask, limits: Limits): boolean {
  if (deletes.length >= limits.deleteFiles) return true
  if (deletes.length === 0 || file.recordCount === 0) return false
  // Of delete files that are about several data files nobody knows how many rows are this one's.
  const known = deletes
    .filter(({ file: item }) => item.content === fileContent.positionDeletes && referencedDataFile(item) === file.path)
    .reduce((rows, { file: item }) => rows + item.recordCount, 0)
  return Math.min(known, file.recordCount) / file.recordCount >= limits.deleteRatio
}

/** First come, first packed: files that were written one after the other stay together. */
function pack(tasks: readonly ScanTask[], groupSize: number): ScanTask[][] {
  const groups: ScanTask[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const task of tasks) {
    const { fileSize } = task.file
    if (bytes + fileSize > groupSize) {
      groups.push([])
      bytes = 0
    }
    groups.at(-1)?.push(task)
    bytes += fileSize
  }
  return groups
}

function isWorthIt(tasks: readonly ScanTask[], limits: Limits): boolean {
  const bytes = tasks.reduce((sum, { file }) => sum + file.fileSize, 0)
  return (
    (tasks.length > 1 && (tasks.length >= limits.minInputFiles || bytes > limits.target)) ||
    bytes > limits.max ||
    tasks.some((task) => isMuchDeleted(task, limits))
  )
}

function groupOf(tasks: readonly ScanTask[]): FileGroup {
  const [{ file }] = tasks as [ScanTask]
  return {
    specId: file.specId,
    partition: file.partition,
    tasks,
    rows: tasks.reduce((sum, task) => sum + task.file.recordCount, 0),
    bytes: tasks.reduce((sum, task) => sum + task.file.fileSize, 0),
    deletes: new Set(
      tasks.flatMap(({ deletes }) => deletes.map((item) => `${item.file.path} ${item.file.contentOffset ?? ''}`)),
    ).size,
  }
}
