import { spawn } from 'node:child_process'
import { StackError } from './stack-error.js'

export interface ProgramOptions {
  readonly cwd?: string
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
  /** Whom it runs as; only root may say so. */
  readonly user?: { readonly uid: number; readonly gid: number }
}

/** Characters of a failed program's output that are shown. */
const shownOutput = 4000

/** Runs a program to its end and gives what it printed. Throws a StackError with its output when it fails. */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  const child = spawn(command, args, {
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    ...options.user,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ending = await new Promise<string | undefined>((resolve, reject) => {
    child.once('error', (error) => {
      reject(new StackError(`${command} cannot be run: ${error.message}`, { cause: error }))
    })
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : String(code ?? signal)))
  })
  if (ending === undefined) return output
  throw new StackError(`${command} ${args.join(' ')} ended with ${ending}:\n${output.slice(-shownOutput).trim()}`)
}
