import { mkdir, mkdtemp, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { sourceContract } from '@phlo/ports/testing'
import { type RecordBatch, tableFromArrays, tableToIPC } from 'apache-arrow'
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
      { path: 'a', encoding: 'klingon' },
      { path: 'a', columns: ['id', 'id'] },
      { path: 'a', skipLines: -1 },
      { path: 'a', sheet: 0 },
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
    expect(await read({ path: ['a.tsv', 'c.csv'] })).toEqual([
      { type: 'files', format: 'csv', paths: [path.join(project, 'a.tsv')], delimiter: '\t' },
      { type: 'files', format: 'csv', paths: [path.join(project, 'c.csv')] },
    ])
    expect(await read({ path: 'a.tsv', delimiter: '|', nullText: 'NA' })).toMatchObject([
      { delimiter: '|', nullText: 'NA' },
    ])
  })
})

describe('files that are taken in once', () => {
  const once = async (cursor?: unknown) => {
    const { inputs, cursor: next } = await source.read({ path: 'in/*.csv', once: true }, { ...context(), cursor })
    const paths = inputs.flatMap((input) => (input.type === 'files' ? input.paths : []))
    return { paths: paths.map((file) => path.basename(file)), cursor: next?.() }
  }

  it('are those that are new, or changed, since the cursor', async () => {
    await files('in/a.csv', 'in/b.csv')
    const first = await once()
    expect(first.paths).toEqual(['a.csv', 'b.csv'])
    expect((await once(first.cursor)).paths).toEqual([])
    await files('in/c.csv')
    const second = await once(first.cursor)
    expect(second.paths).toEqual(['c.csv'])
    await writeFile(path.join(project, 'in/a.csv'), 'longer than before')
    await utimes(path.join(project, 'in/b.csv'), new Date(0), new Date(1000))
    const third = await once(second.cursor)
    expect(third.paths).toEqual(['a.csv', 'b.csv'])
    expect((await once(third.cursor)).paths).toEqual([])
  })

  it('are remembered when they are gone, and come in again only as others', async () => {
    await files('in/a.csv')
    await utimes(path.join(project, 'in/a.csv'), new Date(0), new Date(1000))
    const { cursor } = await once()
    await rm(path.join(project, 'in/a.csv'))
    const without = await once(cursor)
    expect(without).toEqual({ paths: [], cursor })
    await files('in/a.csv')
    await utimes(path.join(project, 'in/a.csv'), new Date(0), new Date(1000))
    expect((await once(without.cursor)).paths).toEqual([])
  })

  it('stay known when the project is moved', async () => {
    await files('in/a.csv')
    const { cursor } = await once()
    const moved = path.join(folder, 'moved')
    await rename(project, moved)
    project = moved
    expect((await once(cursor)).paths).toEqual([])
  })

  it('must be there at first, and need not be later', async () => {
    await expect(once()).rejects.toMatchObject({ code: 'PHLO_SOURCE_NOT_FOUND' })
    expect((await once({ files: '' })).paths).toEqual([])
  })
})

describe('text', () => {
  const encodingOf = async (name: string, bytes: Uint8Array, options: object = {}) => {
    await files(name)
    await writeFile(path.join(project, name), bytes)
    const [input] = await read({ path: name, ...options })
    return input?.type === 'files' ? input.encoding : 'none'
  }
  const utf16 = (text: string) => Buffer.from(text, 'utf16le')

  it('is UTF-8, or UTF-16 where it shows it', async () => {
    const text = 'id,name\n1,Zoë €\n'
    expect(await encodingOf('a.csv', Buffer.from(text))).toBeUndefined()
    expect(await encodingOf('b.csv', Buffer.from(`\uFEFF${text}`))).toBeUndefined()
    expect(await encodingOf('c.csv', utf16(`\uFEFF${text}`))).toBe('utf-16le')
    expect(await encodingOf('d.csv', utf16(text))).toBe('utf-16le')
    expect(await encodingOf('e.csv', utf16(`\uFEFF${text}`).swap16())).toBe('utf-16be')
    expect(await encodingOf('f.csv', utf16(text).swap16())).toBe('utf-16be')
    expect(await encodingOf('g.csv.gz', gzipSync(utf16(`\uFEFF${text}`)))).toBe('utf-16le')
    expect(await encodingOf('h.json.br', brotliCompressSync(utf16('{"id":1}')))).toBe('utf-16le')
    expect(await encodingOf('i.csv', Buffer.alloc(0))).toBeUndefined()
    // A character that the sample cuts is no fault.
    expect(await encodingOf('j.csv', Buffer.from(`${'x'.repeat(64 * 1024 - 1)}é`))).toBeUndefined()
  })

  it('in another encoding asks for its name, and tells the likeliest', async () => {
    const latin = Buffer.from('id,name\n1,Müller\n2,Façade\n3,Señor Ibáñez\n', 'latin1')
    await expect(encodingOf('a.csv', latin)).rejects.toMatchObject({
      code: 'PHLO_SOURCE_MALFORMED',
      message: 'a.csv is not text in UTF-8',
      hint: expect.stringMatching(/encoding: '(iso-8859-1|windows-1252)'/) as unknown,
      location: { file: path.join(project, 'a.csv') },
    })
    expect(await encodingOf('a.csv', latin, { encoding: 'windows-1252' })).toBe('windows-1252')
  })

  it('of several encodings makes an input each', async () => {
    await files('in/a.csv', 'in/b.csv', 'in/c.csv')
    await writeFile(path.join(project, 'in/b.csv'), utf16('\uFEFFid\n1\n'))
    expect(await read({ path: 'in/*.csv' })).toMatchObject([
      { paths: [path.join(project, 'in/a.csv'), path.join(project, 'in/c.csv')] },
      { paths: [path.join(project, 'in/b.csv')], encoding: 'utf-16le' },
    ])
  })
})

/** Everything that an input of rows gives. */
async function given(options: unknown): Promise<unknown[]> {
  const items: unknown[] = []
  for (const input of await read(options))
    if (input.type === 'rows') for await (const item of input.rows) items.push(item)
  return items
}

// Written by openpyxl.
const workbook = fileURLToPath(new URL('../fixtures/orders.xlsx', import.meta.url))

describe('Excel', () => {
  it('gives the rows of a sheet under the names of its header', async () => {
    expect(await given({ path: workbook, nullText: 'n/a' })).toEqual([
      { id: 1, name: 'Ä "x"', price: 1.5, day: '2024-02-29', at: '2024-02-29T12:34:56.000', paid: true },
      { id: 2, name: null, price: null, day: null, at: null, paid: false },
      { id: 3, name: null, price: -7, day: '1999-12-31', at: '2024-02-29', paid: null },
    ])
    expect(await read({ path: workbook })).toMatchObject([{ type: 'rows', name: workbook }])
  })

  it('finds a sheet by name or place, its header further down or given', async () => {
    const notes = [{ id: 1, text: 'first' }]
    expect(await given({ path: workbook, sheet: 'Notes', skipLines: 2 })).toEqual(notes)
    expect(await given({ path: workbook, sheet: 2, skipLines: 3, columns: ['id', 'text'] })).toEqual(notes)
  })

  it.each([
    [{ sheet: 'Order' }, 'orders.xlsx has no sheet "Order"'],
    [{ sheet: 9 }, 'orders.xlsx has no sheet 9'],
    [{ sheet: 'Twice' }, 'orders.xlsx has two columns named "id"'],
    [{ sheet: 'Hole' }, 'orders.xlsx has no name for column 2 in its header'],
    [{ sheet: 'Empty' }, 'orders.xlsx has no header'],
  ])('refuses %j', async (options, message) => {
    await expect(given({ path: workbook, ...options })).rejects.toMatchObject({
      code: 'PHLO_SOURCE_MALFORMED',
      message,
    })
  })

  it('refuses what is no workbook, or half of one', async () => {
    await files('a.xlsx')
    const whole = await readFile(workbook)
    for (const bytes of [Buffer.from('id,name'), whole.subarray(0, whole.length / 2), Buffer.alloc(0)]) {
      await writeFile(path.join(project, 'a.xlsx'), bytes)
      await expect(given({ path: 'a.xlsx' })).rejects.toMatchObject({
        code: 'PHLO_SOURCE_MALFORMED',
        message: expect.stringContaining('a.xlsx cannot be read as an Excel file') as unknown,
      })
    }
  })
})

describe('Arrow', () => {
  const table = tableFromArrays({ id: Int32Array.from([1, 2, 3]), value: Float64Array.from([0.5, 1.5, 2.5]) })
  const rowsOf = async (bytes: Uint8Array) => {
    await files('a.arrow')
    await writeFile(path.join(project, 'a.arrow'), bytes)
    const batches = (await given({ path: 'a.arrow' })) as RecordBatch[]
    return batches.flatMap((batch) => [...batch].map((row) => ({ ...row })))
  }

  it('gives the batches of a file or a stream', async () => {
    const rows = [
      { id: 1, value: 0.5 },
      { id: 2, value: 1.5 },
      { id: 3, value: 2.5 },
    ]
    expect(await rowsOf(tableToIPC(table, 'file'))).toEqual(rows)
    expect(await rowsOf(tableToIPC(table, 'stream'))).toEqual(rows)
  })

  it('refuses what is cut off or something else, and never gives a part of it', async () => {
    const file = tableToIPC(table, 'file')
    for (let end = 0; end < file.length; end += 7) {
      await expect(rowsOf(file.subarray(0, end))).rejects.toMatchObject({
        code: 'PHLO_SOURCE_MALFORMED',
        message: expect.stringContaining('a.arrow cannot be read as an Arrow file') as unknown,
      })
    }
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
