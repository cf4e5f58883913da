import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { BenchError } from './bench-error.js'

export interface Finished {
  readonly stdout: string
  readonly stderr: string
  /** From the start of the process to its end, with everything that it loads. */
  readonly seconds: number
  readonly peakBytes?: number
  /** What all its threads computed for, which a busy machine changes less than the time that it took. */
  readonly cpuSeconds?: number
}

export interface ProcessOptions {
  readonly cwd?: string
  /** Added to the environment of the harness. */
  readonly env?: Readonly<Record<string, string>>
  /** Whether to look at its memory and its CPU time now and then. Default false. */
  readonly watch?: boolean
}

/** Milliseconds between two looks at a process. The kernel keeps peak and sum, so only the last look counts. */
const watchInterval = 25

/** Linux counts a process's CPU time in hundredths of a second, on every architecture that Node runs on. */
const ticksPerSecond = 100

const running = new Set<ChildProcess>()

/** Runs a program to its end. Throws with what it printed when it fails. */
export async function runProcess(
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<Finished> {
  const startedAt = performance.now()
  const child = spawn(command, args, {
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  let peakBytes: number | undefined
  let cpuSeconds: number | undefined
  const look = () => {
    peakBytes = peakMemory(child.pid) ?? peakBytes
    cpuSeconds = cpuTime(child.pid) ?? cpuSeconds
  }
  const watch = options.watch ? setInterval(look, watchInterval) : undefined
  try {
    const { code, seconds } = await new Promise<{ code: number | string; seconds: number }>((resolve, reject) => {
      let seconds = 0
      child.once('error', reject)
      child.once('exit', () => (seconds = (performance.now() - startedAt) / 1000))
      child.once('close', (code, signal) => resolve({ code: code ?? signal ?? 'nothing', seconds }))
    })
    if (code !== 0) {
      throw new BenchError(
        `${[command, ...args].join(' ')} ended with ${code}\n${lastLines(stderr)}${lastLines(stdout)}`.trimEnd(),
      )
    }
    return {
      stdout,
      stderr,
      seconds,
      ...(peakBytes !== undefined && { peakBytes }),
      ...(cpuSeconds !== undefined && { cpuSeconds }),
    }
  } finally {
    clearInterval(watch)
    running.delete(child)
  }
}

/** Ends what is still running. */
export function stopProcesses(): void {
  for (const child of running) child.kill('SIGKILL')
}

/** The most memory that a process ever held, as Linux counts it (VmHWM, in KiB). */
function peakMemory(pid: number | undefined): number | undefined {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readProc(pid, 'status') ?? '')?.[1]
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
}

/** Of a process and those that it started and waited for: fields 14 to 17 of /proc/<pid>/stat, see proc(5). */
function cpuTime(pid: number | undefined): number | undefined {
  const stat = readProc(pid, 'stat')
  // The second field is the program's name, which may hold anything, in brackets.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = fields?.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  return ticks === undefined || Number.isNaN(ticks) ? undefined : ticks / ticksPerSecond
}

function readProc(pid: number | undefined, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid ?? 0}/${file}`, 'utf8')
  } catch {
    // Gone already, or no Linux.
    return undefined
  }
}

function lastLines(text: string): string {
  const lines = text.trimEnd().split('\n')
  return text.trim() === '' ? '' : `${lines.slice(-30).join('\n')}\n`
}
