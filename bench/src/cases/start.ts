import path from 'node:path'
import { BenchError } from '../bench-error.js'
import { type BenchCase, type CaseContext, type Findings, judge, type Measure } from '../case.js'
import { PhloProject } from '../phlo-project.js'
import { runProcess } from '../processes.js'
import { rotated } from '../rounds.js'
import { median, percentile } from '../statistics.js'

/** Starts of each command in a round. */
const startsPerRound = 10

interface Command {
  readonly name: string
  readonly what: string
  readonly prepare?: () => Promise<void>
  /** Gives the seconds that it took. */
  readonly start: () => Promise<number>
}

/** How long people wait for commands that only look. */
export const start: BenchCase = {
  name: 'start',
  description: 'start of the program, and `phlo plan` on the flights example',
  rows: undefined,
  needsPython: false,
  async run({ workplace, runs, report }: CaseContext): Promise<Findings> {
    const example = path.resolve(workplace.bench, '..', 'examples', 'flights')
    const fresh = await PhloProject.copyOf(workplace, 'start-fresh', example)
    const first = await PhloProject.copyOf(workplace, 'start-first', example)
    const published = await PhloProject.copyOf(workplace, 'start-published', example)
    report('publishing the example')
    await fresh.phlo(['plan'])
    await published.phlo(['run'])
    const plan = (project: PhloProject, expected: RegExp) => async () => {
      const { stdout, seconds } = await project.phlo(['plan'])
      if (!expected.test(stdout)) throw new BenchError(`phlo plan did not print ${String(expected)}:\n${stdout}`)
      return seconds
    }
    const commands: Command[] = [
      {
        name: 'node',
        what: 'node -e 0',
        start: async () => (await runProcess(process.execPath, ['-e', '0'])).seconds,
      },
      {
        name: 'version',
        what: 'phlo --version',
        start: async () => (await runProcess(process.execPath, [workplace.phlo, '--version'])).seconds,
      },
      { name: 'plan', what: 'phlo plan, nothing ingested yet', start: plan(fresh, /bronze\.flights/) },
      {
        name: 'plan-published',
        what: 'phlo plan, everything published',
        start: plan(published, /./),
      },
      {
        name: 'plan-first',
        what: 'phlo plan right after the workflows were written: compiled on the way',
        prepare: () => first.forget({ caches: true }),
        start: plan(first, /bronze\.flights/),
      },
    ]
    const times = new Map<string, number[][]>(commands.map(({ name }) => [name, []]))
    for (let round = 0; round < runs; round++) {
      for (const lists of times.values()) lists.push([])
      for (let count = 0; count < startsPerRound; count++) {
        for (const command of rotated(commands, count)) {
          await command.prepare?.()
          times
            .get(command.name)
            ?.at(-1)
            ?.push(await command.start())
        }
      }
      report(`round ${round + 1} of ${runs}`)
    }
    const yardstick = median((times.get('node') as number[][]).map(median))
    const measures = commands.map((command) => measure(command, times.get(command.name) as number[][], yardstick))
    const target = (name: string, text: string, wanted: number) =>
      judge(
        {
          text,
          kind: 'at most',
          wanted,
          found: (measures.find((item) => item.name === name) as Measure).median,
          unit: 's',
        },
        true,
      )
    return {
      yardstick: 'node',
      measures,
      targets: [
        target('version', 'phlo --version', 0.15),
        target('plan', 'phlo plan, nothing ingested yet', 1),
        target('plan-published', 'phlo plan, everything published', 1),
        target('plan-first', 'phlo plan, compiling on the way', 1),
      ],
    }
  },
}

function measure({ name, what }: Command, rounds: readonly number[][], yardstick: number): Measure {
  const runs = rounds.map(median)
  return {
    name,
    what,
    unit: 's',
    median: median(runs),
    runs,
    ratio: median(runs) / yardstick,
    parts: { '95th percentile, s': median(rounds.map((seconds) => percentile(seconds, 95))) },
  }
}
