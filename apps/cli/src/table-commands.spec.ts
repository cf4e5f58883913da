import { copyFile, readdir, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { lakeContent } from './testing/lake-content.js'
import { TestProject } from './testing/project.js'
import { mended, shop } from './testing/shop.js'

/** Has published twice, so that its tables have two snapshots each. */
let project: TestProject

beforeAll(async () => {
  project = await TestProject.create({ ...shop, 'orders.csv': mended })
  await project.succeed(['run'])
  await project.write('orders.csv', mended.replace(',ada,5\n', ',ada,7\n'))
  await project.succeed(['run'])
})

afterAll(() => project.remove())

const json = async (args: readonly string[]): Promise<unknown> => JSON.parse(await project.succeed([...args, '--json']))

async function failure(args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout } = await project.phlo([...args, '--json'])
  expect(code).toBe(1)
  return (JSON.parse(stdout) as { error: Record<string, unknown> }).error
}

/** The folder of the table's files on this machine. */
async function folderOf(name: string): Promise<string> {
  const { metadata } = (await json(['table', 'show', name])) as { metadata: { location: string } }
  return path.join(project.dir, '.phlo/lake/tables', metadata.location.split('/tables/')[1] as string)
}

describe('table expire', () => {
  it('tells first, then removes old snapshots, and leaves their files to other commits', async () => {
    await project.succeed(['branch', 'create', 'expired'])
    const args = ['table', 'expire', 'bronze.orders', '--older-than', '0s', '--ref', 'expired']
    expect(await project.succeed([...args, '--dry-run'])).toMatch(
      /^Would remove 1 snapshot of bronze\.orders\n.* would no longer be needed here, and stay for other commits/,
    )
    expect(await json([...args, '--dry-run'])).toMatchObject({ dryRun: true, deleteFiles: false, refs: [] })
    expect(await json(['table', 'snapshots', 'bronze.orders', '--ref', 'expired'])).toHaveLength(2)
    expect(await project.succeed(args)).toBe(
      'Removed 1 snapshot of bronze.orders\nFiles stay for other commits of the lake\n',
    )
    expect(await json(['table', 'snapshots', 'bronze.orders', '--ref', 'expired'])).toHaveLength(1)
    expect(await lakeContent(project.dir, 'expired')).toEqual(await lakeContent(project.dir))
    const [, oldest] = (await json(['table', 'snapshots', 'bronze.orders'])) as { 'snapshot-id': string }[]
    const old = `bronze.orders=${oldest?.['snapshot-id']}`
    expect(await project.succeed(['query', '--snapshot', old, 'SELECT count(*) FROM bronze.orders'])).toMatch(/3/)
    expect(await json(args)).toMatchObject({ snapshotIds: [], refs: [] })
  })

  it('refuses snapshots that are needed or not there, and ages that are none', async () => {
    const [newest] = (await json(['table', 'snapshots', 'bronze.orders'])) as { 'snapshot-id': string }[]
    const snapshot = (id: string) => failure(['table', 'expire', 'bronze.orders', '--snapshot', id])
    expect(await snapshot(newest?.['snapshot-id'] as string)).toMatchObject({ code: 'PHLO_MAINTENANCE_REFUSED' })
    expect(await snapshot('12')).toMatchObject({ code: 'PHLO_SNAPSHOT_NOT_FOUND' })
    expect((await project.phlo(['table', 'expire', 'bronze.orders', '--older-than', 'long'])).code).toBe(2)
    expect((await project.phlo(['table', 'expire', 'bronze.orders', '--keep', '0'])).code).toBe(2)
  })
})

describe('table orphans', () => {
  it('tells what nothing refers to, deletes it when asked to, and leaves the young', async () => {
    const folder = await folderOf('bronze.orders')
    const before = await lakeContent(project.dir)
    const files = (await readdir(folder, { recursive: true })).length
    await writeFile(path.join(folder, 'data', 'leftover.parquet'), 'leftover')
    await writeFile(path.join(folder, 'data', 'young.parquet'), 'leftover')
    const old = new Date(Date.now() - 4 * 24 * 60 * 60 * 1000)
    await utimes(path.join(folder, 'data', 'leftover.parquet'), old, old)
    const told = await project.succeed(['table', 'orphans', 'bronze.orders'])
    expect(told).toMatch(/data\/leftover\.parquet +8 B/)
    expect(told).toMatch(/1 orphan \(8 B\) of \d+ files; \d+ too young to tell\nDelete them: phlo table orphans/)
    expect(await readdir(path.join(folder, 'data'))).toContain('leftover.parquet')
    expect(await project.succeed(['table', 'orphans', 'bronze.orders', '--delete'])).toMatch(/\nDeleted 1 file \(8 B\)/)
    expect((await readdir(folder, { recursive: true })).length).toBe(files + 1)

    expect(await failure(['table', 'orphans', 'bronze.orders', '--older-than', '1s'])).toMatchObject({
      code: 'PHLO_MAINTENANCE_REFUSED',
    })
    // Everything else in the folder is needed, by this commit or by an older one.
    const all = (await json(['table', 'orphans', 'bronze.orders', '--older-than', '0s', '--allow-young'])) as {
      files: { path: string }[]
    }
    expect(all.files.map((file) => path.basename(file.path))).toEqual(['young.parquet'])
    expect(await lakeContent(project.dir)).toEqual(before)
  })
})

describe('table compact', () => {
  it('tells what it would do, orders rows, and leaves them as they are', async () => {
    await project.succeed(['branch', 'create', 'compacted'])
    const args = ['table', 'compact', 'bronze.orders', '--ref', 'compacted']
    expect(await project.succeed(args)).toBe('Nothing to do: 1 file of the right size\n')
    const sort = [...args, '--strategy', 'sort', '--by', 'customer, amount desc']
    expect(await project.succeed([...sort, '--dry-run'])).toMatch(
      /^Would rewrite 1 file \(.*\) of 1 file in 1 group\n$/,
    )
    expect(await project.succeed(sort)).toMatch(/^Rewrote 1 file \(.*\) as 1 file \(.*\), 3 rows in /)
    expect(await json([...args, '--all', '--where', 'amount > 10000'])).toMatchObject({ examined: 0, removedFiles: 0 })
    expect(await json([...args, '--all', '--where', 'amount >= 7', '--where', 'amount<8'])).toMatchObject({
      removedFiles: 1,
      addedFiles: 1,
      rows: 3,
      conflicts: 0,
    })
    expect(await lakeContent(project.dir, 'compacted')).toEqual(await lakeContent(project.dir))
    expect(await failure([...args, '--strategy', 'zorder', '--by', 'amount'])).toMatchObject({
      code: 'PHLO_UNSUPPORTED',
    })
    expect((await project.phlo([...args, '--where', 'amount'])).code).toBe(2)
    expect((await project.phlo([...args, '--target-size', 'big'])).code).toBe(2)
  })
})

describe('table stats', () => {
  it('tells how many distinct values columns have, and keeps that with the snapshot', async () => {
    await project.succeed(['branch', 'create', 'counted'])
    const args = ['table', 'stats', 'bronze.orders', '--ref', 'counted']
    const columns = [{ column: 'id', ndv: 3 }]
    const statistics = async () =>
      ((await json(['table', 'show', 'bronze.orders', '--ref', 'counted'])) as { metadata: Record<string, unknown> })
        .metadata['statistics'] ?? []
    expect(await json([...args, '--columns', 'id', '--dry-run'])).toMatchObject({ dryRun: true, columns })
    expect(await statistics()).toEqual([])
    expect(await json([...args, '--columns', 'id'])).toMatchObject({ columns, path: expect.any(String) })
    expect(await statistics()).toHaveLength(1)
    expect(await project.succeed(args)).toMatch(/^column +distinct values\n.*\nid +3\nday +2\n/)
    expect(await statistics()).toHaveLength(1)
    expect(await failure([...args, '--columns', 'nothing'])).toMatchObject({ code: 'PHLO_SCHEMA_COLUMN_MISSING' })
  })
})

describe('table rewrite-manifests', () => {
  it('tells what it would do, and does it', async () => {
    await project.succeed(['branch', 'create', 'listed'])
    const args = ['table', 'rewrite-manifests', 'bronze.orders', '--ref', 'listed']
    const { expected, replaced } = (await json([...args, '--dry-run'])) as { expected: number; replaced: number }
    const done = (await json(args)) as { created: number; replaced: number }
    expect([done.replaced, done.created]).toEqual([replaced, expected])
    expect(await project.succeed(args)).toMatch(/^Nothing to do: 1 manifest\n$/)
    expect(await lakeContent(project.dir, 'listed')).toEqual(await lakeContent(project.dir))
  })
})

describe('table branch, tag and refs', () => {
  it('make, list and delete the table’s own', async () => {
    await project.succeed(['branch', 'create', 'named'])
    const ref = ['--ref', 'named']
    const [, oldest] = (await json(['table', 'snapshots', 'bronze.orders'])) as { 'snapshot-id': string }[]
    const id = oldest?.['snapshot-id'] as string
    expect(await project.succeed(['table', 'tag', 'bronze.orders', 'first', '--snapshot', id, ...ref])).toBe(
      `tag first of bronze.orders is at snapshot ${id}\n`,
    )
    await project.succeed(['table', 'branch', 'bronze.orders', 'audit', ...ref])
    expect(await json(['table', 'refs', 'bronze.orders', ...ref])).toMatchObject({
      main: { type: 'branch' },
      first: { type: 'tag', 'snapshot-id': id },
      audit: { type: 'branch' },
    })
    expect(await failure(['table', 'tag', 'bronze.orders', 'first', ...ref])).toMatchObject({ code: 'PHLO_REF_EXISTS' })
    expect(await failure(['table', 'branch', 'bronze.orders', 'first', '--delete', ...ref])).toMatchObject({
      code: 'PHLO_REF_INVALID',
    })
    await project.succeed(['table', 'tag', 'bronze.orders', 'first', '--delete', ...ref])
    expect(await project.succeed(['table', 'refs', 'bronze.orders', ...ref])).not.toMatch(/first/)
    expect(await json(['table', 'refs', 'bronze.orders'])).toEqual({ main: expect.anything() })
  })
})

describe('table register and add-files', () => {
  it('take in what other programs made', async () => {
    await project.succeed(['branch', 'create', 'given'])
    const ref = ['--ref', 'given']
    const folder = await folderOf('bronze.orders')
    const register = ['table', 'register', 'silver.orders', folder, ...ref]
    expect(await project.succeed([...register, '--dry-run'])).toMatch(
      /^Would register file:.* as silver\.orders: Iceberg v2, /,
    )
    expect(await project.succeed(register)).toMatch(/^silver\.orders is registered: Iceberg v2, /)
    expect(await failure(register)).toMatchObject({ code: 'PHLO_TABLE_EXISTS' })
    expect(await failure(['table', 'register', 'silver.x', project.dir, ...ref])).toMatchObject({
      code: 'PHLO_UNSUPPORTED',
    })

    const [file] = (await json(['table', 'files', 'bronze.orders'])) as { path: string }[]
    const add = ['table', 'add-files', 'bronze.orders', ...ref]
    expect(await failure([...add, file?.path as string])).toMatchObject({ code: 'PHLO_FILE_UNFIT' })
    const copy = path.join(project.dir, 'more.parquet')
    await copyFile(fileURLToPath(file?.path as string), copy)
    expect(await failure([...add, copy])).toMatchObject({
      code: 'PHLO_FILE_UNFIT',
      hint: expect.stringContaining('--copy'),
    })
    expect(await project.succeed([...add, copy, '--copy', '--dry-run'])).toMatch(/^Would copy 1 file to /)
    expect(await project.succeed([...add, copy, '--copy'])).toMatch(/^Added 1 file \(.*, 3 rows\) to bronze\.orders\n$/)
    expect(await project.query('SELECT count(*) AS n FROM bronze.orders', 'given')).toEqual([{ n: 6 }])
  })
})

describe('table rewrite-deletes', () => {
  it('tells what it would do, and does it on the table’s own branches', async () => {
    await project.succeed(['branch', 'create', 'mended'])
    const ref = ['--ref', 'mended']
    const sql = (statement: string) => project.succeed(['sql', ...ref, statement])
    await sql(
      "CREATE TABLE shop.lines WITH ('write.delete.mode' = 'merge-on-read') AS SELECT range AS id FROM range(20)",
    )
    for (const id of [3, 7]) await sql(`DELETE FROM shop.lines WHERE id = ${id}`)
    await project.succeed(['table', 'branch', 'shop.lines', 'audit', ...ref])
    const args = ['table', 'rewrite-deletes', 'shop.lines', ...ref]
    expect(await project.succeed([...args, '--dry-run'])).toMatch(/^Would rewrite 2 delete files \(.*\) of 2\n$/)
    expect(await json([...args, '--table-branch', 'audit'])).toMatchObject({
      groups: 1,
      conflicts: 0,
      removedFiles: 2,
      addedFiles: 1,
      positions: 2,
      snapshotIds: [expect.anything()],
    })
    expect(await project.succeed(args)).toMatch(
      /^Rewrote 2 delete files \(.*\) as 1 file \(.*\) with 2 deleted rows\n$/,
    )
    expect(await project.succeed(args)).toBe('Nothing to do: 1 file of position deletes\n')
    expect(await failure([...args, '--table-branch', 'none'])).toMatchObject({ code: 'PHLO_REF_NOT_FOUND' })
    for (const from of ['shop.lines', "shop.lines AT (VERSION => 'audit')"])
      expect(await project.query(`SELECT count(*) AS n FROM ${from}`, 'mended')).toEqual([{ n: 18 }])
  })
})

describe('table dangling-deletes', () => {
  it('tells that there are none', async () => {
    const args = ['table', 'dangling-deletes', 'bronze.orders']
    expect(await project.succeed([...args, '--dry-run'])).toBe('Would remove 0 of 0 delete files of bronze.orders\n')
    expect(await json(args)).toEqual({ table: 'bronze.orders', removed: 0, bytes: 0 })
  })
})

describe('help', () => {
  it('shows every command in use', async () => {
    const commands = (await project.succeed(['table', '--help'])).split('Commands:\n')[1] ?? ''
    for (const [, command] of commands.matchAll(/^ {2}([a-z-]+) .*\S$/gm)) {
      if (command === undefined || command === 'help') continue
      expect(await project.succeed(['table', command, '--help'])).toMatch(/Examples:\n {2}\$ phlo table/)
    }
  })
})
