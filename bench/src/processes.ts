import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { BenchError } from './bench-error.js'

export interface Finished {
  readonly stdout: string
  readonly stderr: string
  /** From the start of the process to its end, with everything that it loads. */
  readonly seconds: number
  readonly peakBytes?: number
}

export interface ProcessOptions {
  readonly cwd?: string
  /** Added to the environment of the harness. */
  readonly env?: Readonly<Record<string, string>>
  /** Whether to watch its memory. Default false. */
  readonly watchMemory?: boolean
}

/** Milliseconds between two looks at a process's memory. The kernel keeps the peak, so only the last look counts. */
const memoryInterval = 25

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
  const watch = options.watchMemory
    ? setInterval(() => (peakBytes = peakMemory(child.pid) ?? peakBytes), memoryInterval)
    : undefined
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
    return { stdout, stderr, seconds, ...(peakBytes !== undefined && { peakBytes }) }
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
  try {
    const status = readFileSync(`/proc/${pid ?? 0}/status`, 'utf8')
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
  } catch {
    // Gone already, or no Linux.
    return undefined
  }
}

function lastLines(text: string): string {
  const lines = text.trimEnd().split('\n')
  return text.trim() === '' ? '' : `${lines.slice(-30).join('\n')}\n`
}
