import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A process that answers questions: one JSON object a line in, one a line out. */
export class AskedProcess {
  private readonly process: ChildProcessWithoutNullStreams
  private readonly answers: AsyncIterator<string>
  private errors = ''
  /** Questions are answered one after the other. */
  private last: Promise<unknown> = Promise.resolve()

  constructor(command: string, args: readonly string[]) {
    this.process = spawn(command, args, { stdio: 'pipe' })
    this.process.stderr.on('data', (data: Buffer) => (this.errors += data.toString('utf8')))
    this.answers = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]()
  }

  async close(): Promise<void> {
    const ended = once(this.process, 'exit')
    this.process.stdin.end()
    await ended
  }

  ask<T>(operation: string, request: object): Promise<T> {
    const answer = this.last.then(async () => {
      const text = JSON.stringify({ operation, ...request }, (_key, value: unknown) =>
        typeof value === 'bigint' ? value.toString() : value,
      )
      this.process.stdin.write(`${text}\n`)
      const line = await this.answers.next()
      if (line.done) throw new Error(`The process ended: ${this.errors}`)
      const { result, error, trace } = JSON.parse(line.value) as { result?: T; error?: string; trace?: string }
      if (error !== undefined) throw new Error(`${operation}: ${error}\n${trace ?? ''}`)
      return result as T
    })
    this.last = answer.catch(() => undefined)
    return answer
  }
}
