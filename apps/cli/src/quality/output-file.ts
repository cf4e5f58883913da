import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Terminal } from '../output/terminal.js'

export interface OutputFlags {
  /** A file to write to, instead of the terminal. */
  readonly output?: string
}

/** Writes a report to where it was asked for. */
export async function writeOutput(terminal: Terminal, text: string, { output }: OutputFlags): Promise<void> {
  if (output === undefined) return terminal.print(text.trimEnd())
  await mkdir(path.dirname(path.resolve(output)), { recursive: true })
  await writeFile(output, text.endsWith('\n') ? text : `${text}\n`)
  terminal.note(`Written to ${output}`)
}
