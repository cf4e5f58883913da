import { smallFiles } from '../compaction/small-files.js'
import { type BenchCase, type CaseContext, type Findings, type Measure } from '../case.js'
import { ordersFile } from '../orders.js'
import { bare, duckdbCopy, tuned, withoutLoading } from '../participants/duckdb-copy.js'
import { phloCompaction } from '../participants/phlo-compaction.js'
import { inRounds, type Participant, type Sample } from '../rounds.js'
import { median } from '../statistics.js'
import { settle } from '../workplace.js'

const files = 2000

/** Small files of a table become one. */
export const compaction: BenchCase = {
  name: 'compaction',
  description: `a table’s ${files.toLocaleString('en-US')} small files put together, beside a bare COPY of them into one`,
  rows: 2_000_000,
  needsPython: false,
  async run({ workplace, rows, runs, report }: CaseContext): Promise<Findings> {
    const orders = await ordersFile(workplace, 'parquet', rows, report)
    report(`making ${files} small files`)
    const { lake, pattern } = await smallFiles(workplace, orders, files)
    const small = { ...orders, path: pattern }
    const participants: Participant[] = [
      duckdbCopy(small, workplace, bare),
      duckdbCopy(small, workplace, tuned),
      phloCompaction(lake, files, orders.fingerprint, workplace),
    ]
    const samples = await inRounds(participants, runs, settle, report)
    const yardstick = median(secondsOf(samples.get(bare.name)))
    return {
      yardstick: bare.name,
      measures: participants.map((item) => measure(item, samples.get(item.name) as Sample[], yardstick)),
      targets: [],
    }
  },
}

function secondsOf(samples: readonly Sample[] = []): number[] {
  return samples.map(({ parts }) => parts[withoutLoading] as number)
}

function measure({ name, what }: Participant, samples: readonly Sample[], yardstick: number): Measure {
  const runs = secondsOf(samples)
  const peaks = samples.flatMap(({ peakBytes }) => (peakBytes === undefined ? [] : peakBytes / 2 ** 20))
  return {
    name,
    what,
    unit: 's',
    median: median(runs),
    runs,
    ratio: median(runs) / yardstick,
    parts: {
      'whole process, s': median(samples.map(({ seconds }) => seconds)),
      ...(peaks.length > 0 && { 'peak memory, MiB': median(peaks) }),
    },
  }
}
