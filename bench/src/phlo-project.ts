import { cp, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { BenchError } from './bench-error.js'
import { type Finished, type ProcessOptions, runProcess } from './processes.js'
import type { Workplace } from './workplace.js'

/** What tools make within a project. */
const ownFolders = ['.phlo', 'node_modules']

/** A project as a user has it: a folder with phlo.yaml and workflows, the installed packages beside it. */
export class PhloProject {
  readonly folder: string
  private readonly program: string

  private constructor(folder: string, program: string) {
    this.folder = folder
    this.program = program
  }

  /** A new project with one workflow file and every setting at its default. */
  static async create({ work, packages, phlo }: Workplace, name: string, workflow: string): Promise<PhloProject> {
    const folder = path.join(work, name)
    await mkdir(path.join(folder, 'workflows'), { recursive: true })
    await writeFile(path.join(folder, 'phlo.yaml'), `name: ${name}\n`)
    await writeFile(path.join(folder, 'workflows', 'orders.ts'), workflow)
    await symlink(packages, path.join(folder, 'node_modules'), 'junction')
    return new PhloProject(folder, phlo)
  }

  /** A copy of a project of this repository that nothing was run in. The packages are two folders up, as there. */
  static async copyOf({ work, packages, phlo }: Workplace, name: string, original: string): Promise<PhloProject> {
    const folder = path.join(work, name, 'examples', path.basename(original))
    await cp(original, folder, { recursive: true, filter: (file) => !ownFolders.includes(path.basename(file)) })
    await symlink(packages, path.join(work, name, 'node_modules'), 'junction')
    return new PhloProject(folder, phlo)
  }

  /** Runs the command line, as a process of its own. */
  async phlo(args: readonly string[], options: Omit<ProcessOptions, 'cwd'> = {}): Promise<Finished> {
    return runProcess(process.execPath, [this.program, ...args], { ...options, cwd: this.folder })
  }

  /** What a query gives, as objects. */
  async query(sql: string): Promise<readonly Record<string, unknown>[]> {
    const { stdout } = await this.phlo(['query', '--format', 'json', sql])
    return JSON.parse(stdout) as Record<string, unknown>[]
  }

  /** Forgets tables and runs, and with `caches` also what was compiled and checked. */
  async forget({ caches }: { readonly caches: boolean }): Promise<void> {
    const state = path.join(this.folder, '.phlo')
    for (const name of await readdir(state).catch(() => [])) {
      if (caches || name !== 'cache') await rm(path.join(state, name), { recursive: true, force: true })
    }
  }
}

/** How long the parts of a run took, from the events of `phlo run --json`, in seconds. */
export interface RunTimes {
  /** From planning to the published commit. */
  readonly run: number
  /** The steps alone. */
  readonly steps: number
}

export function runTimes(stdout: string): RunTimes {
  let run: number | undefined
  let steps = 0
  for (const line of stdout.trimEnd().split('\n')) {
    const { type, data } = JSON.parse(line) as { type: string; data: Record<string, unknown> }
    if (type === 'step-finished') steps += Number(data['milliseconds']) / 1000
    if (type !== 'run-finished') continue
    const outcome = data['outcome'] as { status: string; milliseconds: number }
    if (outcome.status !== 'succeeded') throw new BenchError(`The run ended as ${outcome.status}`)
    run = outcome.milliseconds / 1000
  }
  if (run === undefined) throw new BenchError('The run did not tell how it ended')
  return { run, steps }
}
