import { type BenchCase, type CaseContext, type Findings, judge, type Measure, type Target } from '../case.js'
import { ordersChanges, ordersFile } from '../orders.js'
import { pythonEnvironment } from '../python-environment.js'
import { inRounds, type Participant, type Sample } from '../rounds.js'
import { median } from '../statistics.js'
import {
  duckdbUpsert,
  type Mode,
  phloUpsert,
  pyicebergUpsert,
  upserting,
  upsertLake,
} from '../upsert/upsert-participants.js'
import { settle } from '../workplace.js'

const usualRows = 1_000_000
const modes: readonly Mode[] = ['copy-on-write', 'merge-on-read']
/** PyIceberg, as a multiple of Phlo. */
const wantedOfPyiceberg: Readonly<Record<Mode, number>> = { 'copy-on-write': 3, 'merge-on-read': 12 }
/** Phlo, as a multiple of DuckDB's join and copy. */
const wantedOfDuckdb = 1.5

/** Rows merged into a table by their key, half of them new. */
export const upsert: BenchCase = {
  name: 'upsert',
  description: 'a tenth of a table’s rows merged into it by their key, half of them new; and ten times as many rows',
  rows: usualRows,
  needsPython: true,
  async run({ workplace, rows, runs, report }: CaseContext): Promise<Findings> {
    const python = await pythonEnvironment(workplace, report)
    const participants: Participant[] = []
    const sizes = [rows, 10 * rows]
    for (const size of sizes) {
      const base = await ordersFile(workplace, 'parquet', size, report)
      const work = { base, changes: await ordersChanges(workplace, base, size / 10, report) }
      const lake = await upsertLake(workplace, `lake-${size}`, work)
      for (const mode of modes) {
        participants.push(
          duckdbUpsert(nameOf('duckdb', size, mode), mode, work, lake, workplace),
          phloUpsert(nameOf('phlo', size, mode), 'ingestion', mode, work, lake, workplace),
          phloUpsert(nameOf('phlo-sql', size, mode), 'statement', mode, work, lake, workplace),
        )
      }
      // Ten times as many rows take it minutes.
      if (size === rows) participants.push(pyicebergUpsert(nameOf('pyiceberg', size), work, workplace, python))
    }
    const samples = await inRounds(participants, runs, settle, report)
    const seconds = (name: string) =>
      median((samples.get(name) as Sample[]).map(({ parts }) => parts[upserting] as number))
    const target = (text: string, kind: Target['kind'], wanted: number, found: number) =>
      judge({ text, kind, wanted, found, unit: '×' }, rows === usualRows)
    return {
      yardstick: nameOf('duckdb', rows, 'merge-on-read'),
      measures: participants.map((item) =>
        measure(item, samples.get(item.name) as Sample[], seconds(nameOf('duckdb', rows, 'merge-on-read'))),
      ),
      targets: modes.flatMap((mode) => [
        target(
          `${mode}: PyIceberg, as a multiple of Phlo`,
          'at least',
          wantedOfPyiceberg[mode],
          seconds(nameOf('pyiceberg', rows)) / seconds(nameOf('phlo', rows, mode)),
        ),
        ...sizes.map((size) =>
          target(
            `${mode}, ${(size / 10).toLocaleString('en-US')} rows: Phlo, as a multiple of DuckDB’s own join and copy`,
            'at most',
            wantedOfDuckdb,
            seconds(nameOf('phlo', size, mode)) / seconds(nameOf('duckdb', size, mode)),
          ),
        ),
      ]),
    }
  },
}

function nameOf(who: string, rows: number, mode?: Mode): string {
  return `${who}-${rows}${mode === undefined ? '' : `-${mode}`}`
}

function measure({ name, what }: Participant, samples: readonly Sample[], yardstick: number): Measure {
  const runs = samples.map(({ parts }) => parts[upserting] as number)
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
