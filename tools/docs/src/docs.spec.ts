import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { errorCodes } from '@phlo/ports'
import { consoleCommands, docBlocks, matchesOutput } from './doc-blocks.js'
import { root, runDocument } from './run-document.js'

const documents = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .stdout.trim()
  .split('\n')
  // Records of decisions sketch what was decided; nobody follows them step by step.
  .filter((file) => !file.startsWith('docs/adr/') && !file.startsWith('.changeset/'))

describe('Every document', () => {
  it('is found', () => {
    expect(documents).toContain('README.md')
  })

  it.each(documents)('%s shows what really happens', async (file) => {
    expect(await runDocument(file)).toEqual([])
  })
})

describe('docs/errors.md', () => {
  it('lists every code with its meaning', async () => {
    const text = await readFile(path.join(root, 'docs/errors.md'), 'utf8')
    const listed = [...text.matchAll(/^\| `(\w+)`\s*\| (.*?)\s*\|$/gm)].map(([, code, meaning]) => [code, meaning])
    expect(listed).toEqual(Object.entries(errorCodes))
  })
})

describe('The reader of documents', () => {
  it('finds blocks with their language, info and line', () => {
    expect(docBlocks('text\n```ts file=a.ts\nconst a = 1\n```\n\n```console\n$ ls\na\n```\n')).toEqual([
      { language: 'ts', info: 'file=a.ts', text: 'const a = 1\n', line: 3 },
      { language: 'console', info: '', text: '$ ls\na\n', line: 7 },
    ])
  })

  it('finds commands with their output and exit code', () => {
    expect(consoleCommands('$ a\nx\ny\n$ b\n[exit 2]\n')).toEqual([
      { command: 'a', output: 'x\ny', exit: 0 },
      { command: 'b', output: '', exit: 2 },
    ])
  })

  it('compares output literally, but for what is left out', () => {
    expect(matchesOutput('took 12 ms\n', 'took … ms')).toBe(true)
    expect(matchesOutput('took 12 s\n', 'took … ms')).toBe(false)
    expect(matchesOutput('a\nb\nc\nd\n', 'a\n…\nd')).toBe(true)
    expect(matchesOutput('a\nb\n', 'a')).toBe(false)
    expect(matchesOutput('(a) 1.5\n', '(a) 1.5')).toBe(true)
  })
})
