import { gzipSync } from 'node:zlib'
import { PhloError, type PutCondition } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { beforeEach, describe, expect, it } from '@jest/globals'
import { dataFile, idAndDay } from '../testing/example-files.js'
import { FolderTables } from './folder-tables.js'
import type { Table } from './table.js'

const layout = { rows: idAndDay, partitioning: [{ column: 'day', transform: 'day' }] } as const

let store: MemoryObjectStore
let tables: FolderTables
beforeEach(() => {
  store = new MemoryObjectStore()
  tables = new FolderTables(store)
})

async function live(table: Table): Promise<string> {
  const names: string[] = []
  for await (const { file } of table.scan()) names.push(file.path.replace('memory:///', ''))
  return names.sort().join(' ')
}

async function keys(): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of store.list('t/')) found.push(key.slice('t/metadata/'.length))
  return found
}

const hint = (text: string) => store.put('t/metadata/version-hint.text', Buffer.from(text))

describe('tables in folders', () => {
  it('are made, changed and found again', async () => {
    const table = await tables.create('t', layout)
    await table.append([dataFile('a')])
    await table.append([dataFile('b')])
    expect((await keys()).filter((key) => key.startsWith('v'))).toEqual([
      'v1.metadata.json',
      'v2.metadata.json',
      'v3.metadata.json',
      'version-hint.text',
    ])
    const again = await tables.load('t')
    expect(await live(again)).toBe('a b')
    expect(again.metadata['metadata-log']!.map((entry) => entry['metadata-file'])).toEqual([
      store.uri('t/metadata/v1.metadata.json'),
      store.uri('t/metadata/v2.metadata.json'),
    ])
    await expect(tables.create('t', layout)).rejects.toMatchObject({ code: 'PHLO_TABLE_EXISTS' })
    await expect(tables.load('u')).rejects.toMatchObject({ code: 'PHLO_TABLE_NOT_FOUND' })
  })

  it('may be of version 3', async () => {
    const table = await tables.create('t', { ...layout, formatVersion: 3 })
    await table.append([dataFile('a')])
    expect((await tables.load('t')).metadata).toMatchObject({ 'format-version': 3, 'next-row-id': 10 })
  })

  it('take the commits of several writers', async () => {
    const one = await tables.create('t', { ...layout, properties: { 'commit.retry.min-wait-ms': '1' } })
    const two = await tables.load('t')
    await Promise.all([
      ...['a', 'b', 'c'].map((name) => one.append([dataFile(name)])),
      ...['d', 'e'].map((name) => two.append([dataFile(name)])),
    ])
    expect(await live(await tables.load('t'))).toBe('a b c d e')
    expect((await tables.load('t')).metadata.snapshots).toHaveLength(5)
  })

  it.each<[string, () => Promise<unknown>]>([
    ['missing', () => store.delete(['t/metadata/version-hint.text'])],
    ['old', () => hint('1')],
    ['of a version that is not there', () => hint('7')],
    ['no number', () => hint('9'.repeat(40))],
  ])('are found though the hint is %s', async (_name, spoil) => {
    const table = await tables.create('t', layout)
    await table.append([dataFile('a')])
    await table.append([dataFile('b')])
    await spoil()
    expect(await live(await tables.load('t'))).toBe('a b')
  })

  it('may have been written by others, compressed', async () => {
    await tables.create('t', layout)
    const first = 't/metadata/v1.metadata.json'
    const { bytes } = (await store.get(first))!
    await store.put('t/metadata/v1.gz.metadata.json', gzipSync(bytes))
    await store.delete([first])
    const table = await tables.load('t')
    await table.append([dataFile('a')])
    expect(await live(await tables.load('t'))).toBe('a')
  })

  it('are compressed from the version on that follows the one that says so', async () => {
    const table = await tables.create('t', layout)
    const codec = 'write.metadata.compression-codec'
    const set = (value: string) => table.commit([], [{ action: 'set-properties', updates: { [codec]: value } }])
    await set('gzip')
    await table.append([dataFile('a')])
    await set('none')
    await table.append([dataFile('b')])
    expect((await keys()).filter((key) => key.startsWith('v'))).toEqual([
      'v1.metadata.json',
      'v2.metadata.json',
      'v3.gz.metadata.json',
      'v4.gz.metadata.json',
      'v5.metadata.json',
      'version-hint.text',
    ])
    expect(await live(await tables.load('t'))).toBe('a b')
  })

  it('are refused when their metadata is about another place', async () => {
    await tables.create('t', layout)
    const { bytes } = (await store.get('t/metadata/v1.metadata.json'))!
    await store.put('u/metadata/v1.metadata.json', bytes)
    await expect(tables.load('u')).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
    const table = await tables.load('t')
    await expect(table.commit([], [{ action: 'set-location', location: 'memory:///u' }])).rejects.toMatchObject({
      code: 'PHLO_UNSUPPORTED',
    })
  })

  it('need a store that can create objects only where none is', () => {
    const plain = Object.assign(new MemoryObjectStore(), { supports: { conditionalPut: false } })
    expect(() => new FolderTables(plain)).toThrow(expect.objectContaining({ code: 'PHLO_UNSUPPORTED' }))
  })

  it('know their own commit where the store puts again after a lost answer', async () => {
    const table = await tables.create('t', layout)
    class AnswersLate extends MemoryObjectStore {
      override async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<{ version: string }> {
        const result = await store.put(key, bytes, condition)
        if (key.endsWith('v2.metadata.json'))
          throw new PhloError('PHLO_OBJECT_EXISTS', `The object ${key} exists already`)
        return result
      }
      override get: MemoryObjectStore['get'] = (key, options) => store.get(key, options)
    }
    const late = await new FolderTables(new AnswersLate()).load('t')
    await late.append([dataFile('a')])
    await table.load()
    expect(await live(table)).toBe('a')
    expect(table.metadata.snapshots).toHaveLength(1)
  })
})
