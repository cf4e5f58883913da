import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A process that is told from any later one that gets its number. */
export interface ProcessMark {
  readonly pid: number
  /** When it started, as the system tells it. */
  readonly started: string
}

/** The mark of a running process; `undefined` when there is none of this number. */
export function markOf(pid: number): ProcessMark | undefined {
  const started = process.platform === 'linux' ? startOnLinux(pid) : startByPs(pid)
  return started === undefined ? undefined : { pid, started }
}

/** Whether the very process still runs. */
export function isRunning(mark: ProcessMark): boolean {
  return markOf(mark.pid)?.started === mark.started
}

/**
 * Asks a process to end, and after `patience` milliseconds makes it. What has its number by then but is another process is
 * left alone.
 */
export async function endProcess(mark: ProcessMark, signal: NodeJS.Signals, patience: number): Promise<void> {
  for (const kind of [signal, 'SIGKILL'] as const) {
    if (!isRunning(mark)) return
    process.kill(mark.pid, kind)
    const deadline = performance.now() + patience
    while (isRunning(mark) && performance.now() < deadline) await sleep(50)
  }
}

/** Ticks since boot alone would be true of another process after the next boot. */
function startOnLinux(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the program stands in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state, ticks] = [fields[0], fields[19]]
    if (state === 'Z' || state === 'X' || ticks === undefined) return undefined
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${ticks}`
  } catch {
    return undefined
  }
}

function startByPs(pid: number): string | undefined {
  try {
    const line = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', env: { LC_ALL: 'C' } })
    return line.trim() || undefined
  } catch {
    return undefined
  }
}
