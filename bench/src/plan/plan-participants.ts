import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Expression } from '@phlo/iceberg'
import { BenchError } from '../bench-error.js'
import { type Finished, runProcess } from '../processes.js'
import type { PythonEnvironment } from '../python-environment.js'
import type { Participant, Sample } from '../rounds.js'
import { median } from '../statistics.js'
import type { Workplace } from '../workplace.js'
import type { PlanTable } from './plan-tables.js'

/** Seconds for which a process plans before it counts, so that code and caches are warm on both sides. */
const warmUp = '2'
/** Plannings of a process that count. */
const repeats = '5'

/** A filtered scan, as both sides are told of it. */
export interface Scan {
  readonly table: PlanTable
  readonly filter: Expression
  /** The same for PyIceberg. */
  readonly rowFilter: string
  /** How many files it needs. */
  readonly files: number
}

/** Parts of a {@link Sample}. */
export const planning = 'a warm planning'
export const firstPlanning = 'the first planning'
export const loading = 'loading the table'
export const imports = 'imports'

export function phloPlan(name: string, scan: Scan): Participant {
  const script = fileURLToPath(new URL('../scripts/plan-scan.js', import.meta.url))
  const key = path.relative(scan.table.root, scan.table.metadata).split(path.sep).join('/')
  const args = ['--root', scan.table.root, '--metadata', key, '--filter', JSON.stringify(scan.filter)]
  return participant(name, 'planScan of @phlo/iceberg over the local store', scan, () =>
    runProcess(process.execPath, [script, ...args, '--warm-up', warmUp, '--repeats', repeats], { watch: true }),
  )
}

export function pyicebergPlan(
  name: string,
  scan: Scan,
  { bench }: Workplace,
  { python }: PythonEnvironment,
): Participant {
  const script = path.join(bench, 'peers', 'pyiceberg_plan.py')
  return participant(name, 'PyIceberg: table.scan(row_filter).plan_files()', scan, () =>
    runProcess(python, [script, scan.table.metadata, scan.rowFilter, warmUp, repeats], { watch: true }),
  )
}

/** What the scripts print. */
interface Told {
  readonly files: number
  readonly first: number
  readonly importing: number
  readonly loading: number
  readonly seconds: readonly number[]
}

function participant(name: string, what: string, scan: Scan, process: () => Promise<Finished>): Participant {
  let files = 0
  return {
    name,
    what,
    prepare: async () => undefined,
    async run(): Promise<Sample> {
      const { stdout, seconds, peakBytes, cpuSeconds } = await process()
      const told = JSON.parse(stdout) as Told
      files = told.files
      return {
        seconds,
        parts: {
          [planning]: median(told.seconds),
          [firstPlanning]: told.first,
          [loading]: told.loading,
          [imports]: told.importing,
        },
        ...(peakBytes !== undefined && { peakBytes }),
        ...(cpuSeconds !== undefined && { cpuSeconds }),
      }
    },
    async verify() {
      if (files !== scan.files) throw new BenchError(`${name} planned ${files} files instead of ${scan.files}`)
    },
    clean: async () => undefined,
  }
}
