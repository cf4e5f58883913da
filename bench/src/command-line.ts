import { parseArgs } from 'node:util'

/** What the harness is asked for. */
export interface Request {
  /** Names; empty for all. */
  readonly cases: readonly string[]
  readonly runs: number
  /** `undefined`: each case's own. */
  readonly rows: number | undefined
  readonly out: string | undefined
  readonly help: boolean
}

export const usualRuns = 3

/** Throws with a sentence for people for what it does not know. */
export function readCommandLine(args: readonly string[], known: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      runs: { type: 'string' },
      rows: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const unknown = positionals.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new Error(`There is no case ${unknown}. Cases: ${known.join(', ')}`)
  return {
    cases: positionals,
    runs: count('--runs', values.runs) ?? usualRuns,
    rows: count('--rows', values.rows),
    out: values.out,
    help: values.help ?? false,
  }
}

function count(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text.replaceAll('_', ''))
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${option} must be a whole number above 0, not ${text}`)
  return value
}

export function helpText(cases: readonly { readonly name: string; readonly description: string }[]): string {
  const width = Math.max(...cases.map(({ name }) => name.length))
  return `Runs Phlo, its peers and the limit of the machine on the same input, and prints medians as ratios.

usage: npm run bench -- [case…] [--runs N] [--rows N] [--out folder]

${cases.map(({ name, description }) => `  ${name.padEnd(width)}  ${description}`).join('\n')}

  --runs N      rounds; default ${usualRuns}
  --rows N      rows of the input instead of the case's own; targets are not judged then
  --out folder  where results go; default bench/results

Exit code: 0 when every target is met, 2 when one is missed, 1 when a case failed.`
}
