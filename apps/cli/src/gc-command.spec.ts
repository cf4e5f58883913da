import { readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { lakeContent } from './testing/lake-content.js'
import { TestProject } from './testing/project.js'
import { mended, shop } from './testing/shop.js'

/** Has published twice, and has a branch that never was merged. */
let project: TestProject

beforeAll(async () => {
  project = await TestProject.create({ ...shop, 'orders.csv': mended })
  await project.succeed(['run'])
  await project.write('orders.csv', mended.replace(',ada,5\n', ',ada,7\n'))
  await project.succeed(['run'])
  await project.succeed(['branch', 'create', 'try-it'])
  await project.succeed(['sql', '--ref', 'try-it', 'CREATE TABLE bronze.tried AS SELECT * FROM bronze.orders'])
})

afterAll(() => project.remove())

const tables = () => path.join(project.dir, '.phlo/lake/tables')

async function age(...files: readonly string[]): Promise<void> {
  const old = new Date(Date.now() - 4 * 24 * 60 * 60 * 1000)
  for (const file of files) await utimes(path.join(tables(), file), old, old)
}

async function dataFiles(): Promise<string[]> {
  const files = await readdir(tables(), { recursive: true })
  return files.filter((file) => file.endsWith('.parquet')).sort()
}

const lines = (text: string): unknown[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)

describe('gc', () => {
  it('tells what is needed, and of each file why it stays or goes when asked for it', async () => {
    expect(await project.succeed(['gc'])).toMatch(
      /^files .*\n─.*\nneeded by a branch, a tag or the past that is kept +\d+ +[\d.]+ kB\n$/,
    )
    const [orders] = (await dataFiles()).filter((file) => file.includes('orders'))
    const stray = path.join(path.dirname(orders as string), 'stray.parquet')
    await writeFile(path.join(tables(), stray), 'stray')
    expect(await project.succeed(['gc', '--list', 'kept'])).toContain(`stays tables/${stray} (5 B) young\n`)
    await age(stray)
    const told = await project.succeed(['gc', '--list', 'gone'])
    expect(told).toContain(`goes  tables/${stray} (5 B) unused\n`)
    expect(told).toMatch(/\nunused: no commit names it +1 +5 B\nDelete them: phlo gc --delete\n$/)
    const judged = lines(await project.succeed(['gc', '--list', 'all', '--json']))
    expect(judged).toContainEqual(expect.objectContaining({ key: `tables/${stray}`, keep: false, why: 'unused' }))
    expect(judged.at(-1)).toMatchObject({ branches: [], totals: { unused: { files: 1, bytes: 5 } } })
    expect(await dataFiles()).toContain(stray)
    const [result] = lines(await project.succeed(['gc', '--delete', '--json']))
    expect(result).toMatchObject({ branches: [], deleted: 1, bytes: 5, young: 0, catalogObjects: 0, failed: 0 })
    expect(await dataFiles()).not.toContain(stray)
  })

  it('takes a deleted branch’s files once its past is not kept and they are old enough, and nothing that main reads', async () => {
    const main = await lakeContent(project.dir)
    const before = await dataFiles()
    await project.succeed(['branch', 'delete', 'try-it'])
    await age(...(await readdir(tables(), { recursive: true })))
    expect(await project.succeed(['gc', '--delete'])).toMatch(/^Deleted 0 files of \d+ and 0 objects of the catalog/)
    expect(await dataFiles()).toEqual(before)
    const config = await readFile(path.join(project.dir, 'phlo.yaml'), 'utf8')
    await project.write('phlo.yaml', `${config}\nretention:\n  branches:\n    try-*: 0m\n`)
    expect(await project.succeed(['gc', '--list', 'gone'])).toMatch(
      /goes {2}tables\/bronze\/tried-\w+\/data\/.* unnamed: snapshot \d+ of tables\/bronze\/tried-/,
    )
    expect(await project.succeed(['gc', '--delete'])).toMatch(/^Deleted \d+ files of /)
    expect(await dataFiles()).toEqual(before.filter((file) => !file.includes('tried')))
    expect(await lakeContent(project.dir)).toEqual(main)
  })

  it('lets go of the past of main when asked to', async () => {
    const main = await lakeContent(project.dir)
    expect(await project.succeed(['gc', '--history', '0m', '--list', 'gone'])).toMatch(
      /expired: bronze\.orders, main at/,
    )
    expect(await project.succeed(['gc', '--history', '0m', '--delete'])).toMatch(/^Deleted [1-9]\d* files/)
    expect(await lakeContent(project.dir)).toEqual(main)
  })

  it('refuses spans that are none, and young files that nobody allowed', async () => {
    expect((await project.phlo(['gc', '--history', 'long'])).code).toBe(2)
    const { code, stderr } = await project.phlo(['gc', '--safety-age', '5m', '--delete'])
    expect(code).toBe(1)
    expect(stderr).toContain('PHLO_MAINTENANCE_REFUSED')
  })
})
