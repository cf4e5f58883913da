import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { BenchError } from '../bench-error.js'
import { type BenchCase, type CaseContext, type Findings, judge, type Measure } from '../case.js'
import { runProcess } from '../processes.js'
import { pythonEnvironment } from '../python-environment.js'
import { inRounds, type Participant, type Sample } from '../rounds.js'
import { median } from '../statistics.js'
import type { TpchRequest, TpchTimes } from '../tpch/repeat-queries.js'
import { tpchLake } from '../tpch/tpch-data.js'
import { settle } from '../workplace.js'

const scale = 1
/** Runs of each query in a process, behind the one in which everything is loaded. */
const repeats = 3
const wantedRatio = 1.15

const allQueries = 'all queries'
const firstRun = 'the first run of all queries'

/** What a table format costs a query. */
export const tpch: BenchCase = {
  name: 'tpch',
  description: 'the 22 queries of TPC-H at scale 1 over Iceberg tables, beside DuckDB over their Parquet files',
  rows: undefined,
  needsPython: true,
  async run({ workplace, runs, report }: CaseContext): Promise<Findings> {
    const python = await pythonEnvironment(workplace, report)
    const { project, queries, files } = await tpchLake(workplace, python, scale, report)
    const request: TpchRequest = {
      queries,
      files,
      repeats,
      lake: path.join(project.folder, '.phlo', 'lake'),
      scratch: path.join(workplace.work, 'scratch'),
    }
    await mkdir(request.scratch)
    const requestFile = path.join(workplace.work, 'tpch-request.json')
    await writeFile(requestFile, JSON.stringify(request))
    const results = new Map<string, readonly string[]>()
    const participants = [
      participant(
        'duckdb',
        'DuckDB with its own settings over the Parquet files, by read_parquet',
        requestFile,
        results,
      ),
      participant('phlo', 'Phlo’s query engine over the Iceberg tables that the files are in', requestFile, results),
    ]
    const samples = await inRounds(participants, runs, settle, report)
    const [bare, phlo] = participants.map((item) => samples.get(item.name) as Sample[])
    const seconds = (of: readonly Sample[] | undefined) =>
      median((of ?? []).map(({ parts }) => parts[allQueries] as number))
    return {
      yardstick: 'duckdb',
      measures: participants.map(({ name, what }) => measure(name, what, samples.get(name) as Sample[], seconds(bare))),
      targets: [
        judge(
          {
            text: 'Phlo over Iceberg, as a multiple of DuckDB over Parquet',
            kind: 'at most',
            wanted: wantedRatio,
            found: seconds(phlo) / seconds(bare),
            unit: '×',
          },
          true,
        ),
      ],
    }
  },
}

const scripts = {
  duckdb: new URL('../scripts/tpch-duckdb.js', import.meta.url),
  phlo: new URL('../scripts/tpch-phlo.js', import.meta.url),
}

function participant(
  name: 'duckdb' | 'phlo',
  what: string,
  requestFile: string,
  results: Map<string, readonly string[]>,
): Participant {
  return {
    name,
    what,
    prepare: async () => undefined,
    async run(): Promise<Sample> {
      const finished = await runProcess(process.execPath, [fileURLToPath(scripts[name]), requestFile], { watch: true })
      const times = JSON.parse(finished.stdout) as TpchTimes
      results.set(name, times.results)
      const each = times.seconds.map(median)
      return {
        seconds: finished.seconds,
        parts: {
          [allQueries]: each.reduce((sum, item) => sum + item, 0),
          [firstRun]: times.first,
          ...Object.fromEntries(each.map((item, index) => [`Q${index + 1}`, item])),
        },
        ...(finished.peakBytes !== undefined && { peakBytes: finished.peakBytes }),
        ...(finished.cpuSeconds !== undefined && { cpuSeconds: finished.cpuSeconds }),
      }
    },
    async verify() {
      const [one, other] = [...results.values()]
      if (!one || !other) return
      const wrong = one.flatMap((hash, index) => (hash === other[index] ? [] : [index + 1]))
      if (wrong.length > 0) throw new BenchError(`The two sides have different results for Q${wrong.join(', Q')}`)
    },
    clean: async () => undefined,
  }
}

function measure(name: string, what: string, samples: readonly Sample[], yardstick: number): Measure {
  const runs = samples.map(({ parts }) => parts[allQueries] as number)
  const part = (of: string) => median(samples.map(({ parts }) => parts[of] as number))
  const queries = Object.keys(samples[0]?.parts ?? {}).filter((key) => key.startsWith('Q'))
  const peaks = samples.flatMap(({ peakBytes }) => (peakBytes === undefined ? [] : peakBytes / 2 ** 20))
  return {
    name,
    what,
    unit: 's',
    median: median(runs),
    runs,
    ratio: median(runs) / yardstick,
    parts: {
      ...Object.fromEntries(queries.map((query) => [`${query}, s`, part(query)])),
      'first run of all, s': part(firstRun),
      ...(peaks.length > 0 && { 'peak memory, MiB': median(peaks) }),
    },
  }
}
