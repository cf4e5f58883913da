import { mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { sourceContract } from '@phlo/ports/testing'
import { FilesSource } from './files-source.js'

let folder: string
let project: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-files-'))
  project = path.join(folder, 'project')
  await mkdir(project)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const source = new FilesSource()

/** Makes files in the project, or beside it. */
async function files(...names: string[]): Promise<void> {
  for (const name of names) {
    const file = path.join(project, name)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, name)
  }
}

const context = () => ({ projectDir: project, signal: new AbortController().signal })
const read = async (options: unknown) => (await source.read(options, context())).inputs
/** Paths relative to the project, of all inputs. */
const found = async (given: string | string[]) =>
  (await read({ path: given, format: 'csv' })).flatMap((input) =>
    input.type === 'files' ? input.paths.map((file) => path.relative(project, file)) : [],
  )

sourceContract(
  'files',
  {
    create: async () => {
      await writeFile(path.join(project, 'a.csv'), 'id\n1\n2\n')
      await writeFile(path.join(project, 'b.csv'), 'id\n3\n')
      return {
        source,
        options: { path: '*.csv' },
        projectDir: project,
        rows: async ({ paths }) => {
          const texts = await Promise.all(paths.map((file) => readFile(file, 'utf8')))
          return texts.reduce((sum, text) => sum + text.trim().split('\n').length - 1, 0)
        },
        expectedRows: 3,
        change: () => writeFile(path.join(project, 'c.csv'), 'id\n4\n'),
      }
    },
    invalid: [
      undefined,
      null,
      {},
      'a.csv',
      { path: [] },
      { path: '' },
      { path: 'a', format: 'xls' },
      { path: 'a', delimiter: ';;' },
      { pth: 'a.csv' },
    ],
    missing: { path: 'none/*.csv' },
  },
  { describe, it },
)

describe('which files a path means', () => {
  it('finds one by its name, relative to the project, above it or absolute', async () => {
    await files('data/a.csv', '../beside.csv')
    expect(await found('data/a.csv')).toEqual(['data/a.csv'])
    expect(await found('./data/../data/a.csv')).toEqual(['data/a.csv'])
    expect(await found('../beside.csv')).toEqual(['../beside.csv'])
    expect(await found(path.join(project, 'data/a.csv'))).toEqual(['data/a.csv'])
  })

  it('finds many by a glob, in the order of their names', async () => {
    await files(
      'in/b.csv',
      'in/a.csv',
      'in/10.csv',
      'in/9.csv',
      'in/é.csv',
      'in/sub/c.csv',
      'in/deep/er/d.csv',
      'in/no.txt',
    )
    expect(await found('in/*.csv')).toEqual(['in/10.csv', 'in/9.csv', 'in/a.csv', 'in/b.csv', 'in/é.csv'])
    expect(await found('in/**/*.csv')).toEqual([
      'in/10.csv',
      'in/9.csv',
      'in/a.csv',
      'in/b.csv',
      'in/deep/er/d.csv',
      'in/sub/c.csv',
      'in/é.csv',
    ])
    expect(await found('in/{a,b}.csv')).toEqual(['in/a.csv', 'in/b.csv'])
    expect(await found('in/[ab].csv')).toEqual(['in/a.csv', 'in/b.csv'])
    expect(await found('in/?.csv')).toEqual(['in/9.csv', 'in/a.csv', 'in/b.csv', 'in/é.csv'])
    expect(await found(path.join(project, 'in/?.csv'))).toHaveLength(4)
  })

  it('finds files beside the project by a glob, those of the project included', async () => {
    await files('in/a.csv', '../other/in/a.csv')
    expect(await found('../*/in/*.csv')).toEqual(['../other/in/a.csv', 'in/a.csv'])
    expect(await found('../other/in/*.csv')).toEqual(['../other/in/a.csv'])
  })

  it('takes several in the order given, each file once', async () => {
    await files('in/a.csv', 'in/b.csv', 'in/c.csv')
    expect(await found(['in/c.csv', 'in/*.csv', './in/a.csv'])).toEqual(['in/c.csv', 'in/a.csv', 'in/b.csv'])
  })

  it('takes characters of globs for themselves where a file or folder has that name', async () => {
    await files('a[1].csv', 'a1.csv', 'in (new)/x*.csv', 'in (new)/xy.csv', '[2024]/{a}/b.csv', '2/a/b.csv')
    expect(await found('a[1].csv')).toEqual(['a[1].csv'])
    expect(await found('a[[]1].csv')).toEqual(['a[1].csv'])
    expect(await found('a\\[1\\].csv')).toEqual(['a[1].csv'])
    expect(await found('in (new)/x*.csv')).toEqual(['in (new)/x*.csv'])
    expect(await found('in (new)/*y.csv')).toEqual(['in (new)/xy.csv'])
    expect(await found('[2024]/{a}/*.csv')).toEqual(['[2024]/{a}/b.csv'])
  })

  it('works in a project whose own folder has such a name', async () => {
    project = path.join(folder, 'my [work] {x}')
    await files('in/a.csv')
    expect(await found('in/*.csv')).toEqual(['in/a.csv'])
    expect(await found(path.join(project, 'in/*.csv'))).toEqual(['in/a.csv'])
  })

  it('leaves hidden files out unless they are named', async () => {
    await files('in/.part.csv', 'in/a.csv', '.hidden/b.csv')
    expect(await found('in/*.csv')).toEqual(['in/a.csv'])
    expect(await found('**/*.csv')).toEqual(['in/a.csv'])
    expect(await found('in/.*.csv')).toEqual(['in/.part.csv'])
    expect(await found('.hidden/*.csv')).toEqual(['.hidden/b.csv'])
  })

  it('follows links to files', async () => {
    await files('../elsewhere/a.csv')
    await symlink(path.join(folder, 'elsewhere'), path.join(project, 'linked'))
    expect(await found('linked/*.csv')).toEqual(['linked/a.csv'])
  })

  it('says so when nothing is there, and where it has looked', async () => {
    await files('in/a.csv')
    await expect(read({ path: ['in/*.json', 'x.csv'] })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_NOT_FOUND',
      message: 'No file matches in/*.json, x.csv',
      hint: expect.stringContaining(project) as unknown,
    })
    await expect(read({ path: 'in' })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_NOT_FOUND',
      message: 'in is a folder, and files() takes files',
      hint: 'Say which files in it: in/*.csv',
    })
  })
})

describe('formats', () => {
  it('are told from the names, compressed or not, in any letters', async () => {
    const names: Readonly<Record<string, string>> = {
      'a.csv': 'csv',
      'a.CSV': 'csv',
      'a.csv.gz': 'csv',
      'a.b.tsv': 'csv',
      'a.txt': 'csv',
      'a.ndjson': 'ndjson',
      'a.jsonl': 'ndjson',
      'a.jsonl.GZ': 'ndjson',
      'a.json': 'json',
      'a.json.gz': 'json',
      'a.parquet': 'parquet',
      'a.pq': 'parquet',
    }
    for (const [name, format] of Object.entries(names)) {
      await files(name)
      expect(await read({ path: name })).toMatchObject([{ type: 'files', format, paths: [path.join(project, name)] }])
    }
  })

  it('that cannot be told are asked for, and what is given wins', async () => {
    await files('a.dat', 'b', 'c.gz', 'd.json')
    for (const name of ['a.dat', 'b', 'c.gz']) {
      await expect(read({ path: name })).rejects.toMatchObject({
        code: 'PHLO_CONFIG_INVALID',
        message: expect.stringContaining(name) as unknown,
        hint: expect.stringContaining('.parquet') as unknown,
      })
      expect(await read({ path: name, format: 'csv' })).toMatchObject([{ format: 'csv' }])
    }
    expect(await read({ path: 'd.json', format: 'ndjson' })).toMatchObject([{ format: 'ndjson' }])
  })

  it('make an input each when they are mixed', async () => {
    await files('in/a.csv', 'in/b.json', 'in/c.csv')
    expect(await read({ path: 'in/*' })).toEqual([
      { type: 'files', format: 'csv', paths: [path.join(project, 'in/a.csv'), path.join(project, 'in/c.csv')] },
      { type: 'files', format: 'json', paths: [path.join(project, 'in/b.json')] },
    ])
  })

  it('of separated text carry the separator and the text for NULL', async () => {
    await files('a.tsv', 'b.tsv.gz', 'c.csv')
    expect(await read({ path: ['a.tsv', 'b.tsv.gz'] })).toMatchObject([{ delimiter: '\t' }])
    expect((await read({ path: ['a.tsv', 'c.csv'] }))[0]).not.toHaveProperty('delimiter')
    expect(await read({ path: 'a.tsv', delimiter: '|', nullText: 'NA' })).toMatchObject([
      { delimiter: '|', nullText: 'NA' },
    ])
  })
})

describe('the version', () => {
  const version = (given: unknown = { path: '*.csv' }) => source.version(given, context())

  it('changes with a file’s size, its time, its name, and with the options', async () => {
    await files('a.csv')
    const seen = new Set<string | undefined>()
    const remember = async (given?: unknown) => {
      const now = await version(given)
      expect(seen).not.toContain(now)
      seen.add(now)
    }
    await remember()
    await writeFile(path.join(project, 'a.csv'), 'longer than before')
    await remember()
    await utimes(path.join(project, 'a.csv'), new Date(0), new Date(1000))
    await remember()
    await files('b.csv')
    await remember()
    await rm(path.join(project, 'b.csv'))
    await remember({ path: '*.csv', nullText: 'NA' })
    await files('other.txt')
    expect(seen).toContain(await version({ path: '*.csv', nullText: 'NA' }))
  })

  it('is there, too, while no file is', async () => {
    const before = await version()
    expect(before).toMatch(/^[0-9a-f]+$/)
    await files('a.csv')
    expect(await version()).not.toBe(before)
  })
})
