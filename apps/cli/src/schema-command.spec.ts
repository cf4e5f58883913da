import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { TestProject } from './testing/project.js'
import { mended, shop } from './testing/shop.js'

let project: TestProject
beforeAll(async () => {
  project = await TestProject.create({ ...shop, 'orders.csv': mended })
  await project.succeed(['run'])
})
afterAll(() => project.remove())

const models = 'workflows/transforms/dbt/models/gold/models.yml'

describe('schema', () => {
  it('shows what an asset declares, and what follows from it', async () => {
    const contract = JSON.parse(await project.succeed(['schema', 'show', 'orders', '--as', 'contract'])) as {
      table: string
      key: string[]
      columns: { name: string }[]
      hash: string
    }
    expect(contract).toMatchObject({
      table: 'bronze.orders',
      key: ['id'],
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(contract.columns.map(({ name }) => name)).toEqual(['id', 'day', 'customer', 'amount'])
    expect(await project.succeed(['schema', 'show', 'orders'])).toContain(contract.hash.slice(0, 12))
    const sql = await project.succeed(['schema', 'show', 'orders', '--as', 'sql'])
    const conditions = sql.split('\n').filter((line) => !line.startsWith('--') && line !== '')
    const where = conditions.map((condition) => `(${condition})`).join(' AND ')
    expect(await project.query(`SELECT count(*) AS n FROM bronze.orders WHERE ${where}`)).toEqual([{ n: 3 }])
  })

  it('shows what a model’s table is', async () => {
    expect(await project.succeed(['schema', 'show', 'gold.revenue', '--as', 'typescript'])).toBe(
      'export interface Revenue {\n  readonly day: string | null\n  readonly amount: number | null\n  readonly orders: number | null\n}\n',
    )
    const schema = JSON.parse(await project.succeed(['schema', 'show', 'revenue', '--as', 'json-schema'])) as object
    expect(schema).toMatchObject({ title: 'gold.revenue', properties: { day: { anyOf: [{ format: 'date' }, {}] } } })
  })

  it('writes a schema from a sample that takes the sample, and one from a dbt YAML', async () => {
    await project.write('more.csv', 'code,at,price\n007,2024-05-01 10:00:00Z,1.5\n008,,2\n')
    const source = await project.succeed(['schema', 'generate', '--sample', 'more.csv', '--name', 'Extra'])
    expect(source).toBe(`import { z } from 'phlo'

/** Made from more.csv. */
export const Extra = z.object({
  code: z.string(),
  at: z.iso.datetime({ offset: true }).nullable(),
  price: z.number(),
})
`)
    await project.write('workflows/extra-schema.ts', source)
    await project.write(
      'workflows/extra.ts',
      "import { files, ingestion } from 'phlo'\nimport { Extra } from './extra-schema.js'\n" +
        "export const extra = ingestion({ name: 'extra', schema: Extra, strict: true }, files({ path: 'more.csv' }))\n",
    )
    await project.succeed(['run', 'extra'])
    expect(await project.query('SELECT code, price FROM bronze.extra ORDER BY code')).toEqual([
      { code: '007', price: 1.5 },
      { code: '008', price: 2 },
    ])
    expect(await project.succeed(['schema', 'generate', '--dbt', models, '--model', 'revenue'])).toContain(
      'day: field(z.iso.date(), { unique: true }),',
    )
    expect(await project.succeed(['schema', 'generate', '--table', 'bronze.orders', '--name', 'Order'])).toContain(
      'export const Order = z.object({\n  id: z.int(),\n  day: z.iso.date(),\n  customer: z.string(),\n',
    )
  })

  it.each<[string, string[], Record<string, unknown>]>([
    ['nothing', ['generate'], { code: 'PHLO_CONFIG_INVALID' }],
    ['two things', ['generate', '--table', 'a.b', '--sample', 'x.csv'], { code: 'PHLO_CONFIG_INVALID' }],
    ['a name that is none', ['generate', '--table', 'a.b', '--name', 'a-b'], { code: 'PHLO_CONFIG_INVALID' }],
    [
      'a table that is not there',
      ['generate', '--table', 'bronze.order'],
      { code: 'PHLO_TABLE_NOT_FOUND', hint: 'Did you mean bronze.orders?' },
    ],
    ['a YAML without its model', ['generate', '--dbt', models], { code: 'PHLO_CONFIG_INVALID' }],
    ['a YAML that is not there', ['generate', '--dbt', 'no.yml', '--model', 'x'], { code: 'PHLO_SOURCE_NOT_FOUND' }],
    ['an asset that is not there', ['show', 'nothing'], { code: 'PHLO_ASSET_UNKNOWN' }],
  ])('refuses %s', async (_name, args, error) => {
    const { code, stdout } = await project.phlo(['schema', ...args, '--json'])
    expect({ code, error: (JSON.parse(stdout) as { error: unknown }).error }).toMatchObject({ code: 1, error })
  })
})
