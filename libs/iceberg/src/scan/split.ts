import type { ScanTask } from './scan.js'

/** A part of a data file: the row groups or blocks that start within its bytes. */
export interface ScanSplit {
  readonly task: ScanTask
  /** Bytes from the start of the file. */
  readonly start: number
  /** Bytes. */
  readonly length: number
}

export interface SplitOptions {
  /** Bytes that one reader should get. Default 128 MiB. */
  readonly targetSize?: number
  /** Bytes that opening a file counts for, so that a reader does not get too many small ones. Default 4 MiB. */
  readonly openCost?: number
  /** How many readers' shares are filled at the same time. Default 10. */
  readonly lookback?: number
}

const mebibyte = 1024 * 1024

/**
 * Cuts the files of a scan where their row groups start and packs the parts into shares of about the target size, one for
 * each reader. Deletes count for the parts of their data file. Tasks are taken as shares are asked for.
 * A file whose writer left no offsets stays whole.
 */
export async function* combineTasks(
  tasks: AsyncIterable<ScanTask> | Iterable<ScanTask>,
  options: SplitOptions = {},
): AsyncGenerator<readonly ScanSplit[]> {
  const { targetSize = 128 * mebibyte, openCost = 4 * mebibyte, lookback = 10 } = options
  const bins: Bin[] = []
  for await (const task of tasks) {
    for (const split of splitTask(task, targetSize)) {
      const weight = weightOf(split, openCost)
      let bin = bins.find((candidate) => candidate.weight + weight <= targetSize)
      if (!bin) bins.push((bin = { splits: [], weight: 0 }))
      bin.splits.push(split)
      bin.weight += weight
      if (bins.length > lookback) yield takeFullest(bins).splits
    }
  }
  for (const { splits } of bins) yield splits
}

interface Bin {
  readonly splits: ScanSplit[]
  weight: number
}

function takeFullest(bins: Bin[]): Bin {
  let fullest = 0
  bins.forEach(({ weight }, index) => {
    if (weight > (bins[fullest] as Bin).weight) fullest = index
  })
  return bins.splice(fullest, 1)[0] as Bin
}

/** What reading the part costs, in bytes; its deletes have to be read as well. */
function weightOf({ task, length }: ScanSplit, openCost: number): number {
  const deletes = task.deletes.reduce((sum, { file }) => sum + (file.contentSize ?? file.fileSize), 0)
  return Math.max(length + deletes, openCost * (1 + task.deletes.length))
}

/** The parts of a file, each of row groups that together stay within the target size, or of a single one. */
function splitTask(task: ScanTask, targetSize: number): ScanSplit[] {
  const { fileSize } = task.file
  const offsets = usableOffsets(task)
  const splits: ScanSplit[] = []
  let start = offsets[0] ?? 0
  offsets.forEach((offset, index) => {
    const next = offsets[index + 1] ?? fileSize
    if (next - start > targetSize && offset > start) {
      splits.push({ task, start, length: offset - start })
      start = offset
    }
  })
  return [...splits, { task, start, length: fileSize - start }]
}

/** Offsets that are not ascending or lie outside the file say nothing. */
function usableOffsets({ file }: ScanTask): readonly number[] {
  const offsets = file.splitOffsets ?? []
  const usable = offsets.every((offset, index) => offset >= (offsets[index - 1] ?? -1) + 1 && offset < file.fileSize)
  return usable ? offsets : []
}
