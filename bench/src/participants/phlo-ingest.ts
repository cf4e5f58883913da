import { expectFingerprint, type Fingerprint, fingerprintSql, type OrdersFile, ordersWorkflow } from '../orders.js'
import { PhloProject, runTimes } from '../phlo-project.js'
import type { Participant } from '../rounds.js'
import type { Workplace } from '../workplace.js'

/**
 * `phlo run` of a project that takes the file in: from the start of the process to the table published on main, every
 * row checked.
 */
export async function phloIngest(
  input: OrdersFile,
  workplace: Workplace,
  options: { readonly name: string; readonly what: string; readonly firstRun: boolean },
): Promise<Participant> {
  const project = await PhloProject.create(workplace, options.name, ordersWorkflow({ orders: input.path }))
  return {
    name: options.name,
    what: options.what,
    async prepare() {
      await project.forget({ caches: options.firstRun })
      if (!options.firstRun) await project.phlo(['config', 'check'])
      await project.forget({ caches: options.firstRun })
    },
    async run() {
      const { stdout, seconds, peakBytes, cpuSeconds } = await project.phlo(['run', '--json'], { watch: true })
      const { run, steps } = runTimes(stdout)
      return {
        seconds,
        parts: {
          'the ingestion step': steps,
          'plan, branch and publishing': run - steps,
          'start, loading and end': seconds - run,
        },
        ...(peakBytes !== undefined && { peakBytes }),
        ...(cpuSeconds !== undefined && { cpuSeconds }),
      }
    },
    async verify() {
      const [row] = await project.query(fingerprintSql('bronze.orders'))
      expectFingerprint(options.name, row as Fingerprint, input.fingerprint)
    },
    async clean() {
      await project.forget({ caches: options.firstRun })
    },
  }
}

/** A run like most: the workflows are those of the run before. */
export const usualRun = {
  name: 'phlo',
  what: '`phlo run`: the file as a published Iceberg table, every row checked',
  firstRun: false,
}

/** The workflows were just written: they are compiled and their types checked, beside the run. */
export const firstRun = {
  name: 'phlo-first-run',
  what: 'the same right after the workflow was written: compiled and type-checked on the way',
  firstRun: true,
}
