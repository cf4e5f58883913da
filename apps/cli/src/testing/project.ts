import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../bin/phlo.js', import.meta.url))
const modules = fileURLToPath(new URL('../../../../node_modules', import.meta.url))

export interface Outcome {
  readonly code: number | null
  /** What ended the process, when it did not end by itself. */
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface PhloOptions {
  readonly env?: Readonly<Record<string, string>>
  /** SIGKILL after this many milliseconds. */
  readonly killAfter?: number
}

/** A project in a folder of its own, and the program as users start it. */
export class TestProject {
  readonly dir: string

  constructor(dir: string) {
    this.dir = dir
  }

  /** Makes a project of these files, by their paths. */
  static async create(files: Readonly<Record<string, string>>): Promise<TestProject> {
    const project = new TestProject(await mkdtemp(path.join(os.tmpdir(), 'phlo-project-')))
    await symlink(modules, path.join(project.dir, 'node_modules'))
    for (const [file, text] of Object.entries(files)) await project.write(file, text)
    return project
  }

  async write(file: string, text: string): Promise<void> {
    const target = path.join(this.dir, file)
    await mkdir(path.dirname(target), { recursive: true })
    await writeFile(target, text)
  }

  /** Runs `phlo` in the project's folder. */
  async phlo(args: readonly string[], { env = {}, killAfter }: PhloOptions = {}): Promise<Outcome> {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: this.dir,
      // Only what every machine has: no setting of the caller's reaches the program.
      env: { PATH: process.env['PATH'] ?? '', HOME: this.dir, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter)
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => {
        clearTimeout(timer)
        resolve({ code, signal, stdout, stderr })
      })
    })
  }

  /** Runs `phlo` and gives what it printed; anything but success is an error that shows what it said. */
  async succeed(args: readonly string[], options?: PhloOptions): Promise<string> {
    const outcome = await this.phlo(args, options)
    if (outcome.code !== 0) {
      throw new Error(
        `phlo ${args.join(' ')} ended with ${outcome.code ?? outcome.signal}\n${outcome.stdout}${outcome.stderr}`,
      )
    }
    return outcome.stdout
  }

  /** The rows of a query. */
  async query(sql: string, ref = 'main'): Promise<readonly Record<string, unknown>[]> {
    const text = await this.succeed(['query', '--format', 'json', '--ref', ref, sql])
    return JSON.parse(text) as Record<string, unknown>[]
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true })
  }
}
