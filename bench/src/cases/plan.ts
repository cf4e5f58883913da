import type { Expression } from '@phlo/iceberg'
import { type BenchCase, type CaseContext, type Findings, judge, type Measure, type Target } from '../case.js'
import {
  firstPlanning,
  imports,
  loading,
  phloPlan,
  planning,
  pyicebergPlan,
  type Scan,
} from '../plan/plan-participants.js'
import { filesPerDay, firstIdOf, type Layout, planTable, startOfDay } from '../plan/plan-tables.js'
import { pythonEnvironment } from '../python-environment.js'
import { inRounds, type Participant, type Sample } from '../rounds.js'
import { median } from '../statistics.js'
import { settle } from '../workplace.js'

interface Setting {
  readonly files: number
  readonly layout: Layout
  readonly filter: 'statistics' | 'partition'
}

const settings: readonly Setting[] = [10_000, 100_000].flatMap((files) => [
  { files, layout: 'one', filter: 'statistics' } as const,
  { files, layout: 'one', filter: 'partition' } as const,
  { files, layout: 'daily', filter: 'partition' } as const,
  // PyIceberg takes minutes to write more.
  ...(files > 10_000 ? [] : [{ files, layout: 'pyiceberg', filter: 'statistics' } as const]),
])

/** The files that are wanted, the same of every table: half of those of a week. */
const firstWanted = 40 * filesPerDay
const wantedFiles = 350
const days = 7

const wantedRatio = 4
const wantedMiB = 256
const peakMemory = 'peak memory, MiB'

/** How long it takes to find the files that a filtered scan of a large table needs. */
export const plan: BenchCase = {
  name: 'plan',
  description: `planning of a scan that needs ${wantedFiles} files of 10,000 and of 100,000`,
  rows: undefined,
  needsPython: true,
  async run({ workplace, runs, report }: CaseContext): Promise<Findings> {
    const python = await pythonEnvironment(workplace, report)
    const participants: Participant[] = []
    for (const setting of settings) {
      const table = await planTable({ workplace, python, report }, setting.files, setting.layout)
      const scan: Scan = { table, ...filters[setting.filter], files: wantedFiles }
      participants.push(
        phloPlan(nameOf('phlo', setting), scan),
        pyicebergPlan(nameOf('pyiceberg', setting), scan, workplace, python),
      )
    }
    const samples = await inRounds(participants, runs, settle, report)
    const planningOf = (who: string, setting: Setting) =>
      median(plannings(samples.get(nameOf(who, setting)) as Sample[]))
    const measures = settings.flatMap((setting) =>
      ['phlo', 'pyiceberg'].map((who) => {
        const { name, what } = participants.find((item) => item.name === nameOf(who, setting)) as Participant
        return measure(name, what, samples.get(name) as Sample[], planningOf('phlo', setting))
      }),
    )
    return {
      yardstick: 'Phlo on the same table',
      measures,
      targets: [
        ...settings.map((setting) =>
          judge(
            {
              text: `${described(setting)}: PyIceberg, as a multiple of Phlo`,
              kind: 'at least',
              wanted: wantedRatio,
              found: planningOf('pyiceberg', setting) / planningOf('phlo', setting),
              unit: '×',
            },
            true,
          ),
        ),
        ...settings.flatMap((setting): Target[] => {
          const peak = measures.find(({ name }) => name === nameOf('phlo', setting))?.parts[peakMemory]
          const text = `${described(setting)}: memory of the whole process`
          return peak === undefined
            ? []
            : [judge({ text, kind: 'at most', wanted: wantedMiB, found: peak, unit: 'MiB' }, true)]
        }),
      ],
    }
  },
}

/** Each filter in the words of both sides. One looks at ranges of ids, the other at a week's partitions first. */
const filters: Readonly<Record<Setting['filter'], Pick<Scan, 'filter' | 'rowFilter'>>> = {
  statistics: bothWays([
    ['id', 'gte', firstIdOf(firstWanted)],
    ['id', 'lt', firstIdOf(firstWanted + wantedFiles)],
  ]),
  partition: bothWays([
    ['happened_at', 'gte', startOfDay(firstWanted)],
    ['happened_at', 'lt', startOfDay(firstWanted + days * filesPerDay)],
    ['id', 'lt', firstIdOf(firstWanted + wantedFiles)],
  ]),
}

function bothWays(conditions: readonly (readonly [string, 'gte' | 'lt', string | number])[]) {
  const symbols = { gte: '>=', lt: '<' }
  return {
    filter: conditions
      .map(([column, op, value]): Expression => ({ op, column, value }))
      .reduce((left, right) => ({ op: 'and', left, right })),
    rowFilter: conditions
      .map(([column, op, value]) => `${column} ${symbols[op]} ${typeof value === 'string' ? `'${value}'` : value}`)
      .join(' and '),
  }
}

function nameOf(who: string, { files, layout, filter }: Setting): string {
  return `${who}-${files / 1000}k-${layout}-${filter}`
}

function described({ files, layout, filter }: Setting): string {
  const where = {
    one: 'in one manifest',
    daily: 'in a manifest for each day',
    pyiceberg: 'in one manifest by PyIceberg',
  }
  return `${files.toLocaleString('en-US')} files ${where[layout]}, by ${filter}`
}

function plannings(samples: readonly Sample[]): number[] {
  return samples.map(({ parts }) => (parts[planning] as number) * 1000)
}

function measure(name: string, what: string, samples: readonly Sample[], yardstick: number): Measure {
  const runs = plannings(samples)
  const part = (of: string) => median(samples.map(({ parts }) => (parts[of] as number) * 1000))
  const peaks = samples.flatMap(({ peakBytes }) => (peakBytes === undefined ? [] : peakBytes / 2 ** 20))
  return {
    name,
    what,
    unit: 'ms',
    median: median(runs),
    runs,
    ratio: median(runs) / yardstick,
    parts: {
      'first in the process, ms': part(firstPlanning),
      'loading the table, ms': part(loading),
      'imports, ms': part(imports),
      'whole process, s': median(samples.map(({ seconds }) => seconds)),
      ...(peaks.length > 0 && { [peakMemory]: median(peaks) }),
    },
  }
}
