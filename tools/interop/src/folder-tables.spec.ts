import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import {
  createRef,
  type DataFile,
  fastForward,
  FolderTables,
  refSnapshot,
  rollbackTo,
  type Table,
  TableFiles,
} from '@phlo/iceberg'
import { columns } from './lake.js'
import { Readers } from './readers.js'
import type { CanonicalRow } from './witness.js'

let readers: Readers
beforeAll(async () => {
  readers = await Readers.open()
})
afterAll(() => readers.close())

/** Files of one row each that Phlo's engine wrote, with all that is known of them. */
async function writtenFiles(name: string, ids: readonly number[]): Promise<DataFile[]> {
  const { lake } = readers
  for (const [index, id] of ids.entries())
    await lake.materialize(name, `SELECT ${id}::INT AS id, 'v${id}' AS v`, index === 0 ? 'replace' : 'append', ['v'])
  const { metadata } = await lake.load(name)
  const files = new TableFiles(lake.store, metadata)
  const found: DataFile[] = []
  for (const manifest of await files.manifests(refSnapshot(metadata)!))
    for await (const { file } of files.entries(manifest)) found.push(file)
  return found.sort((a, b) => (a.partition[0]! < b.partition[0]! ? -1 : 1))
}

/** The rows by each reader: PyIceberg and DuckDB are given the folder, Iceberg Java the newest metadata file. */
async function rowsOf(table: Table): Promise<Record<string, readonly unknown[]>> {
  const folder = table.location.replace(/^file:\/\//, '')
  const hint = (await readFile(path.join(folder, 'metadata', 'version-hint.text'), 'utf8')).trim()
  const metadata = path.join(folder, 'metadata', `v${hint}.metadata.json`)
  expect(await readers.java.validate(metadata)).toEqual([])
  const ids = (rows: readonly CanonicalRow[]) => rows.map((row) => row['id']).sort()
  return {
    pyiceberg: ids(await readers.witness.read(folder)),
    duckdb: ids(await readers.witness.duckdbRows(folder)),
    java: ids(await readers.java.read(metadata)),
  }
}

describe('a table in a folder', () => {
  it.each([2, 3] as const)('of version %s is read by others after every kind of change', async (formatVersion) => {
    const { lake } = readers
    const files = await writtenFiles(`source.v${formatVersion}`, [1, 2, 3, 4, 5, 6])
    const table = await new FolderTables(lake.store).create(`folders/v${formatVersion}`, {
      rows: columns({ id: 'int', v: 'string' }),
      partitioning: [{ column: 'v', transform: 'identity' }],
      formatVersion,
      properties: { 'commit.manifest.min-count-to-merge': '3' },
    })
    const expectIds = async (...ids: number[]) =>
      expect(await rowsOf(table)).toEqual({ pyiceberg: ids, duckdb: ids, java: ids })
    const file = (id: number) => files[id - 1]!
    const first = await table.append([file(1), file(2)])
    await table.append([file(3)])
    await table.append([file(4)])
    await expectIds(1, 2, 3, 4)
    await table.delete({ op: 'eq', column: 'v', value: 'v2' })
    await table.overwrite([file(3)], { partitions: true })
    await expectIds(1, 3, 4)
    await table.manageSnapshots(createRef('audit', 'branch'))
    const picked = await table.append([file(5)], { branch: 'audit' })
    await table.append([file(6)], { stagedAs: 'w' })
    await expectIds(1, 3, 4)
    await table.publishStaged('w')
    await table.cherryPick(picked)
    await expectIds(1, 3, 4, 5, 6)
    await table.manageSnapshots(rollbackTo(first), fastForward('main', 'audit'))
    await expectIds(1, 3, 4, 5)
    expect(await readdir(path.join(lake.folder, 'lake/folders', `v${formatVersion}`))).toEqual(['metadata'])
  })
})
