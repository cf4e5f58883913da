import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { BenchError } from '../bench-error.js'

/**
 * Processes that commit to a table each, all from the same moment on for some seconds: the milliseconds that a commit
 * took all of them together.
 */
export async function writerProcesses(folder: string, count: number, seconds: number): Promise<number> {
  const script = fileURLToPath(new URL('../scripts/refs-writer.js', import.meta.url))
  const processes = Array.from({ length: count }, (_, index) => {
    const child = spawn(
      process.execPath,
      [script, '--folder', folder, '--first', `${index}`, '--seconds', `${seconds}`],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    return { child, lines, closed: once(child, 'close') }
  })
  try {
    for (const { lines } of processes)
      if ((await lines.next()).value !== 'ready') throw new BenchError('A writer did not get ready')
    for (const { child } of processes) child.stdin.end()
    let perMillisecond = 0
    for (const { lines, closed } of processes) {
      perMillisecond += 1 / Number((await lines.next()).value)
      const [code] = (await closed) as [number | null]
      if (code !== 0) throw new BenchError(`A writer ended with ${String(code)}`)
    }
    return 1 / perMillisecond
  } finally {
    for (const { child } of processes) child.kill('SIGKILL')
  }
}
