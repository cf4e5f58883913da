import { BenchError } from '../bench-error.js'
import { type BenchCase, type CaseContext, type Findings, judge, type Measure } from '../case.js'
import { type InputFormat, ordersFile } from '../orders.js'
import { phloIngest } from '../participants/phlo-ingest.js'
import { inRounds, type Participant, type Sample } from '../rounds.js'
import { median } from '../statistics.js'
import { settle } from '../workplace.js'

const usualRows = 20_000_000
const formats: readonly InputFormat[] = ['parquet', 'ndjson']
const wantedMiB = 1.5 * 1024
/** What an allocator's chance may add without the memory growing with the rows. */
const noise = 1.1

/** The most memory that a whole `phlo run` holds at once, for some rows and for twice as many. */
export const memory: BenchCase = {
  name: 'memory',
  description: 'peak memory of an ingestion, and of one of twice as many rows',
  rows: usualRows,
  needsPython: false,
  async run({ workplace, rows, runs, report }: CaseContext): Promise<Findings> {
    if (process.platform !== 'linux') throw new BenchError('Peak memory is read from /proc, which only Linux has')
    const name = (format: InputFormat, count: number) => `phlo-${format}-${count}`
    const participants: Participant[] = []
    for (const format of formats) {
      for (const count of [rows, 2 * rows]) {
        const input = await ordersFile(workplace, format, count, report)
        const what = `\`phlo run\` of ${count.toLocaleString('en-US')} rows from ${format === 'parquet' ? 'Parquet' : 'JSON lines'}`
        participants.push(await phloIngest(input, workplace, { name: name(format, count), what, firstRun: false }))
      }
    }
    const samples = await inRounds(participants, runs, settle, report)
    const measures = participants.map((participant) => measure(participant, samples.get(participant.name) as Sample[]))
    const found = (format: InputFormat, count: number) =>
      measures.find((item) => item.name === name(format, count)) as Measure
    return {
      measures,
      targets: formats.flatMap((format) => [
        judge(
          {
            text: `${format}: most memory of any run of ${rows.toLocaleString('en-US')} rows`,
            kind: 'at most',
            wanted: wantedMiB,
            found: Math.max(...found(format, rows).runs),
            unit: 'MiB',
          },
          rows === usualRows,
        ),
        judge(
          {
            text: `${format}: twice the rows, as a multiple`,
            kind: 'at most',
            wanted: noise,
            found: found(format, 2 * rows).median / found(format, rows).median,
            unit: '×',
          },
          rows === usualRows,
        ),
      ]),
    }
  },
}

function measure({ name, what }: Participant, samples: readonly Sample[]): Measure {
  const peaks = samples.map(({ peakBytes }) => {
    if (peakBytes === undefined) throw new BenchError(`${name} ended before its memory was looked at`)
    return peakBytes / 2 ** 20
  })
  return {
    name,
    what,
    unit: 'MiB',
    median: median(peaks),
    runs: peaks,
    parts: { 'whole process, s': median(samples.map(({ seconds }) => seconds)) },
  }
}
