import { type CaseContext, type Findings, judge, type Measure } from '../case.js'
import { type InputFormat, ordersFile } from '../orders.js'
import { bare, duckdbCopy, tuned } from '../participants/duckdb-copy.js'
import { firstRun, phloIngest, usualRun } from '../participants/phlo-ingest.js'
import { dlt, pyiceberg, pythonPeer } from '../participants/python-peer.js'
import { pythonEnvironment } from '../python-environment.js'
import { inRounds, type Participant, type Sample } from '../rounds.js'
import { median } from '../statistics.js'
import { settle } from '../workplace.js'

/** Rows of both ingestion cases. */
export const ingestRows = 5_000_000

/** Everybody takes the same file in: {@link ingestParquet} and {@link ingestNdjson} differ only in the file. */
export async function ingest(
  { workplace, rows, runs, report }: CaseContext,
  format: InputFormat,
  wanted: { readonly ofCopy: number; readonly ofDlt: number },
): Promise<Findings> {
  const python = await pythonEnvironment(workplace, report)
  const input = await ordersFile(workplace, format, rows, report)
  const participants: Participant[] = [
    duckdbCopy(input, workplace, bare),
    duckdbCopy(input, workplace, tuned),
    await phloIngest(input, workplace, usualRun),
    await phloIngest(input, workplace, firstRun),
    ...(format === 'parquet' ? [pythonPeer(pyiceberg, input, workplace, python)] : []),
    pythonPeer(dlt, input, workplace, python),
  ]
  const samples = await inRounds(participants, runs, settle, report)
  const seconds = (name: string) => median((samples.get(name) as Sample[]).map((sample) => sample.seconds))
  const applies = rows === ingestRows
  return {
    yardstick: bare.name,
    measures: participants.map((participant) =>
      measure(participant, samples.get(participant.name) as Sample[], seconds(bare.name)),
    ),
    targets: [
      judge(
        {
          text: 'Phlo, as a multiple of the bare COPY',
          kind: 'at most',
          wanted: wanted.ofCopy,
          found: seconds('phlo') / seconds(bare.name),
          unit: '×',
        },
        applies,
      ),
      judge(
        {
          text: 'dlt, as a multiple of Phlo',
          kind: 'at least',
          wanted: wanted.ofDlt,
          found: seconds('dlt') / seconds('phlo'),
          unit: '×',
        },
        applies,
      ),
    ],
  }
}

function measure({ name, what }: Participant, samples: readonly Sample[], yardstick: number): Measure {
  const runs = samples.map((sample) => sample.seconds)
  const parts = Object.keys((samples[0] as Sample).parts).map((part): [string, number] => [
    `${part}, s`,
    median(samples.map((sample) => sample.parts[part] as number)),
  ])
  return {
    name,
    what,
    unit: 's',
    median: median(runs),
    runs,
    ratio: median(runs) / yardstick,
    parts: {
      ...Object.fromEntries(parts),
      ...known('CPU, s', samples, ({ cpuSeconds }) => cpuSeconds),
      ...known('peak memory, MiB', samples, ({ peakBytes }) => peakBytes && peakBytes / 2 ** 20),
    },
  }
}

/** The median of what the system told of the processes, if it did. */
function known(part: string, samples: readonly Sample[], of: (sample: Sample) => number | undefined) {
  const values = samples.flatMap((sample) => of(sample) ?? [])
  return values.length === 0 ? {} : { [part]: median(values) }
}
