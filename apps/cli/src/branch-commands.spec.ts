import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { TestProject } from './testing/project.js'
import { mended, shop } from './testing/shop.js'

/** Has published once; `left` then counts all amounts one up and drops nothing, `right` counts them two up. */
let project: TestProject

const json = async (args: readonly string[]): Promise<unknown> => JSON.parse(await project.succeed([...args, '--json']))
const lines = async (args: readonly string[]): Promise<unknown[]> =>
  (await project.succeed([...args, '--json']))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
const commitOf = async (name: string) =>
  ((await json(['branch', 'list'])) as { name: string; commit: string }[]).find((ref) => ref.name === name)?.commit ??
  ''
const amounts = async (ref: string) =>
  (await project.query('SELECT amount FROM bronze.orders ORDER BY id', ref)).map(({ amount }) => amount)

async function failure(args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout } = await project.phlo([...args, '--json'])
  expect(code).toBe(1)
  return (JSON.parse(stdout) as { error: Record<string, unknown> }).error
}

beforeAll(async () => {
  project = await TestProject.create({ ...shop, 'orders.csv': mended })
  await project.succeed(['run'])
  for (const [name, more] of [
    ['left', 1],
    ['right', 2],
  ] as const) {
    await project.succeed(['branch', 'create', name])
    await project.succeed(['sql', '--ref', name, `UPDATE bronze.orders SET amount = amount + ${more} WHERE id = 1`])
  }
})

afterAll(() => project.remove())

describe('branch merge', () => {
  it('tells for each table what would happen, and why not', async () => {
    const wanted = ['branch', 'merge', 'left', 'right', '--dry-run']
    const before = await commitOf('right')
    expect(await json(wanted)).toEqual({
      commit: before,
      base: expect.any(String),
      fastForward: false,
      dryRun: true,
      tables: [{ table: 'bronze.orders', change: 'changed', outcome: 'conflict', reason: expect.any(String) }],
      views: [],
      namespaces: [],
    })
    expect(await project.succeed(wanted)).toMatch(
      /^outcome .*\n.*\nconflict  table  bronze\.orders  changed\nconflict bronze\.orders: .*\nleft would not be merged into right: there are conflicts\n$/,
    )
    expect(await json([...wanted, '--strategy', 'ours'])).toMatchObject({ tables: [{ outcome: 'kept' }] })
    const { code, stderr } = await project.phlo([...wanted, '--table', 'bronze.orders=all'])
    expect([code, stderr]).toEqual([2, expect.stringContaining('one of fail, ours, theirs, rebase')])
    expect(await commitOf('right')).toBe(before)
  })

  it('takes the side that is chosen for a table, and by a fast-forward where only one side changed', async () => {
    await project.succeed(['branch', 'create', 'both', '--from', 'right'])
    const text = await project.succeed(['branch', 'merge', 'left', 'both', '--table', 'bronze.orders=theirs'])
    expect(text).toMatch(/\ntaken    table  bronze\.orders  changed\nMerged left into both as [0-9a-f]{12}\n$/)
    expect(await amounts('both')).toEqual([11.5, 20, 5])
    await project.succeed(['branch', 'create', 'behind'])
    expect(await json(['branch', 'merge', 'left', 'behind'])).toMatchObject({
      commit: await commitOf('left'),
      fastForward: true,
      dryRun: false,
    })
  })
})

describe('branch cherry-pick and revert', () => {
  it('do and undo one commit, which the beginning of its id names', async () => {
    await project.succeed(['branch', 'create', 'picked'])
    const commit = (await commitOf('right')).slice(0, 12)
    expect(await project.succeed(['branch', 'cherry-pick', commit, 'picked'])).toMatch(
      new RegExp(`taken .*\\nDid on picked what ${commit} did, as [0-9a-f]{12}\\n$`),
    )
    expect(await amounts('picked')).toEqual([12.5, 20, 5])
    expect(await json(['branch', 'revert', 'picked', 'picked', '--dry-run'])).toMatchObject({ dryRun: true })
    expect(await json(['branch', 'revert', 'picked', 'picked'])).toMatchObject({
      tables: [{ table: 'bronze.orders', outcome: 'taken' }],
    })
    expect(await amounts('picked')).toEqual([10.5, 20, 5])
    expect(await lines(['branch', 'log', 'picked', '--table', 'bronze.orders', '--limit', '2'])).toMatchObject([
      { message: expect.stringMatching(/revert/i) },
      {},
    ])
    expect(await failure(['branch', 'cherry-pick', '0123abcd', 'picked'])).toMatchObject({ code: 'PHLO_REF_NOT_FOUND' })
  })
})

describe('branch reset, protect and reflog', () => {
  it('move a branch back and forth, refuse a protected one, and tell what was done', async () => {
    await project.succeed(['branch', 'create', 'moving', '--from', 'left'])
    const [left, main] = [await commitOf('left'), await commitOf('main')]
    expect(await project.succeed(['branch', 'reset', 'moving', 'main'])).toBe(
      `moving stands at ${main.slice(0, 12)} now\n` +
        `What it held is left out, not deleted: phlo branch reset moving ${left.slice(0, 12)}\n`,
    )
    expect(await json(['branch', 'reset', 'moving', left.slice(0, 12)])).toMatchObject({ commit: left, before: main })
    expect(await project.succeed(['branch', 'protect', 'moving'])).toBe(
      'moving is protected: it changes by merge only\n',
    )
    expect(await failure(['branch', 'reset', 'moving', 'main'])).toMatchObject({ code: 'PHLO_REF_PROTECTED' })
    expect(await json(['branch', 'protect', 'moving', '--off'])).toMatchObject({ protected: false })
    expect(await lines(['branch', 'reflog', 'moving', '--limit', '4'])).toMatchObject([
      { action: 'unprotect' },
      { action: 'protect' },
      { action: 'assign', from: main, to: left },
      { action: 'assign', from: left, to: main, message: 'Reset to main' },
    ])
    expect(await project.succeed(['branch', 'reflog', 'moving'])).toMatch(/ assign +[0-9a-f]{12} {2}[0-9a-f]{12} /)
    expect(await failure(['branch', 'reset', 'nothing', 'main'])).toMatchObject({ code: 'PHLO_REF_NOT_FOUND' })
  })
})

describe('branch diff --rows', () => {
  it('prints the rows that differ, for people and as lines', async () => {
    const wanted = ['branch', 'diff', 'main', 'left', '--table', 'bronze.orders', '--rows', '--key', 'id']
    const row = { id: 1, day: '2024-05-01', customer: 'ada', amount: 10.5 }
    expect(await lines(wanted)).toMatchObject([
      { table: 'bronze.orders', change: 'changed', columns: ['amount'], before: row, after: { ...row, amount: 11.5 } },
    ])
    expect(await project.succeed(wanted)).toMatch(/\nchanged .* 10\.5 → 11\.5/)
  })
})

describe('table undrop', () => {
  it('brings a table back, under another name too', async () => {
    await project.succeed(['branch', 'create', 'slip'])
    await project.succeed(['sql', '--ref', 'slip', 'DROP TABLE bronze.orders'])
    const back = ['table', 'undrop', 'bronze.orders', '--ref', 'slip']
    expect(await json([...back, '--as', 'bronze.before'])).toMatchObject({ table: 'bronze.before' })
    expect(await project.succeed(back)).toMatch(/^bronze\.orders is back at slip, as it was at [0-9a-f]{12}\n$/)
    expect(await amounts('slip')).toEqual([10.5, 20, 5])
    expect(await failure(['table', 'undrop', 'bronze.never'])).toMatchObject({ code: 'PHLO_TABLE_NOT_FOUND' })
  })
})
