import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { TestProject } from './testing/project.js'
import { shop } from './testing/shop.js'

const orders =
  'id,day,customer,amount\n1,2024-05-01,ada,10.5\n2,2024-05-01,,20\n3,2024-05-02,ada,-5\n4,2024-05-02,linus,-1\n5,x,ada\n'

let project: TestProject
beforeAll(async () => {
  project = await TestProject.create({ ...shop, 'orders.csv': orders })
  await project.succeed(['run'])
})
afterAll(() => project.remove())

interface Shown {
  readonly id: string
  readonly place: number
  readonly reason: string
  readonly rules: readonly string[]
  readonly repaired: boolean
  readonly run: string
  readonly row: unknown
}

async function shown(...args: string[]): Promise<Shown[]> {
  const text = await project.succeed(['quarantine', 'show', 'orders', '--json', ...args])
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Shown)
}

async function failure(...args: string[]): Promise<unknown> {
  const { code, stdout } = await project.phlo(['quarantine', ...args, '--json'])
  const lines = stdout.trim().split('\n')
  return { code, ...(JSON.parse(lines.at(-1) ?? '') as object) }
}

const taken = () => project.query('SELECT id, customer, amount FROM bronze.orders ORDER BY id')

describe('quarantine', () => {
  it('lists and shows what was rejected, with reason and place', async () => {
    expect(JSON.parse(await project.succeed(['quarantine', 'list', '--json']))).toMatchObject({
      asset: 'bronze.orders',
      rows: 4,
      repaired: 0,
      rules: { 'amount min': 2, 'customer required': 1, malformed: 1 },
    })
    const rows = await shown()
    expect(rows.map(({ place, rules, row }) => ({ place, rules, row }))).toEqual([
      { place: 2, rules: ['customer required'], row: { id: '2', day: '2024-05-01', customer: null, amount: '20' } },
      { place: 3, rules: ['amount min'], row: { id: '3', day: '2024-05-02', customer: 'ada', amount: '-5' } },
      { place: 4, rules: ['amount min'], row: { id: '4', day: '2024-05-02', customer: 'linus', amount: '-1' } },
      { place: 5, rules: ['malformed'], row: '5,x,ada' },
    ])
    expect(await shown('--rule', 'amount min', '--run', rows[0]?.run ?? '')).toHaveLength(2)
    expect(await project.succeed(['quarantine', 'show', 'orders'])).toContain('amount must be at least 0, not -5')
  })

  it('repairs by SQL and by rows, and takes in what is right then; what is not stays where it was', async () => {
    await project.succeed([
      'quarantine',
      'repair',
      'orders',
      '--rule',
      'amount min',
      '--set',
      'amount=CAST(amount AS INT) + 3',
    ])
    const [second, , , line] = await shown()
    await project.write(
      'rejected.ndjson',
      `${JSON.stringify({ id: line?.id, row: { id: 5, day: '2024-05-03', customer: 'ada', amount: 7 } })}\n`,
    )
    await project.succeed(['quarantine', 'repair', 'orders', '--rows', 'rejected.ndjson'])
    expect((await shown()).map(({ place, repaired }) => [place, repaired])).toEqual([
      [2, false],
      [3, true],
      [4, true],
      [5, true],
    ])
    await project.succeed(['quarantine', 'replay', 'orders'])
    expect(await taken()).toEqual([
      { id: 1, customer: 'ada', amount: 10.5 },
      { id: 4, customer: 'linus', amount: 2 },
      { id: 5, customer: 'ada', amount: 7 },
    ])
    const left = await shown()
    expect(left.map(({ place, rules, row }) => ({ place, rules, row }))).toEqual([
      { place: 2, rules: ['customer required'], row: { id: '2', day: '2024-05-01', customer: null, amount: '20' } },
      { place: 3, rules: ['amount min'], row: expect.objectContaining({ id: '3', amount: -2 }) },
    ])
    expect(left[0]?.run).not.toBe(second?.run)
    // Everything in one commit of main: the rows came and left their quarantine together.
    expect(await project.query('SELECT count(*) AS n FROM quarantine.bronze_orders')).toEqual([{ n: 2 }])
  })

  it('leaves all as it is when not one row is right', async () => {
    expect(await failure('replay', 'orders')).toMatchObject({ code: 1 })
    expect(await shown()).toHaveLength(2)
    expect(await taken()).toHaveLength(3)
  })

  it.each<[string, string[], object]>([
    ['an id that is none', ['show', 'orders', '--id', 'zzz'], { code: 'PHLO_QUARANTINE_EMPTY' }],
    ['a rule that no row broke', ['replay', 'orders', '--rule', 'x'], { code: 'PHLO_QUARANTINE_EMPTY' }],
    ['a model', ['replay', 'revenue'], { code: 'PHLO_ASSET_UNKNOWN' }],
    ['a repair without a way', ['repair', 'orders'], { code: 'PHLO_CONFIG_INVALID' }],
    ['a column that is none', ['repair', 'orders', '--set', 'x=1'], { code: 'PHLO_CONFIG_INVALID' }],
    ['SQL that is none', ['repair', 'orders', '--set', 'amount=('], { code: 'PHLO_SQL_INVALID' }],
    ['SQL that reads files', ['repair', 'orders', '--set', "amount=(SELECT 1 FROM read_csv('orders.csv'))"], {}],
    ['a file that is not there', ['repair', 'orders', '--rows', 'none'], { code: 'PHLO_SOURCE_NOT_FOUND' }],
    ['a file of something else', ['repair', 'orders', '--rows', 'orders.csv'], { code: 'PHLO_SOURCE_MALFORMED' }],
  ])('refuses %s', async (_name, args, error) => {
    expect(await failure(...args)).toMatchObject({ code: 1, error })
    expect(await project.succeed(['branch', 'list', '--json'])).not.toContain('quarantine-repair')
  })
})
