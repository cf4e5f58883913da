import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { build } from 'esbuild'
import { consoleCommands, type DocBlock, docBlocks, matchesOutput } from './doc-blocks.js'

export const root = path.resolve(import.meta.dirname, '../../..')

/** Blocks that are there to be looked at; everything else is run. */
const shown = new Set(['text', 'mermaid'])

/**
 * Follows a document as its reader would, in an empty folder: `file=` blocks are written, `console` blocks are run and
 * their output compared, other `ts` blocks are run as programs. A block that is nothing of this is an error, so that
 * nothing in a document goes untried. Gives what went wrong, by line.
 */
export async function runDocument(file: string): Promise<string[]> {
  const blocks = docBlocks(await readFile(path.join(root, file), 'utf8'))
  const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-docs-'))
  try {
    await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
    await writeFile(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
    const problems: string[] = []
    for (const block of blocks) {
      for (const problem of await runBlock(block, folder)) problems.push(`${file}:${block.line}: ${problem}`)
    }
    return problems
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function runBlock(block: DocBlock, folder: string): Promise<string[]> {
  const { language, info, text } = block
  const written = /^file=(\S+)$/.exec(info)?.[1]
  if (written !== undefined) {
    await mkdir(path.dirname(path.join(folder, written)), { recursive: true })
    await writeFile(path.join(folder, written), text)
    return []
  }
  if (shown.has(language)) return []
  if (language === 'sh' && info === 'setup') return setupProblems(text)
  if (language === 'console') return consoleProblems(text, folder)
  if (language === 'ts' && info === '') return programProblems(text, folder)
  return [`a block \`${language} ${info}\` that no test can run`]
}

/** Set-up commands are too big for this test; they must at least be scripts of the workspace. */
async function setupProblems(text: string): Promise<string[]> {
  const { scripts } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  return text
    .trim()
    .split('\n')
    .flatMap((line) => line.replace(/ +#.*$/, '').split(' && '))
    .filter((command) => {
      const script = /^npm (?:run )?(\S+)/.exec(command)?.[1] ?? ''
      return script !== 'ci' && !(script in scripts) && !command.startsWith('.ci/run')
    })
    .map((command) => `there is no command \`${command}\``)
}

function consoleProblems(text: string, folder: string): string[] {
  const problems: string[] = []
  for (const { command, output, exit } of consoleCommands(text)) {
    const result = spawnSync('bash', ['-c', command], {
      cwd: folder,
      encoding: 'utf8',
      env: {
        PATH: `${path.join(root, 'node_modules/.bin')}${path.delimiter}${process.env['PATH'] ?? ''}`,
        HOME: folder,
      },
    })
    const printed = result.stdout + result.stderr
    if (result.status !== exit) problems.push(`\`${command}\` ended with ${result.status}, not ${exit}:\n${printed}`)
    else if (!matchesOutput(printed, output)) problems.push(`\`${command}\` printed something else:\n${printed}`)
  }
  return problems
}

async function programProblems(text: string, folder: string): Promise<string[]> {
  const source = path.join(folder, 'example.ts')
  const program = path.join(folder, 'example.js')
  await writeFile(source, text)
  await build({
    entryPoints: [source],
    outfile: program,
    bundle: false,
    format: 'esm',
    target: 'node20',
    logLevel: 'silent',
  })
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], { cwd: folder, encoding: 'utf8' })
  return status === 0 ? [] : [`the program ended with ${status}:\n${stdout}${stderr}`]
}
