import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { lakeContent } from './testing/lake-content.js'
import { TestProject } from './testing/project.js'
import { mended, shop } from './testing/shop.js'

let project: TestProject

beforeAll(async () => {
  project = await TestProject.create({ ...shop, 'orders.csv': mended })
  await project.succeed(['run'])
})

afterAll(() => project.remove())

describe('sql', () => {
  const sql = (ref: string, statement: string) => ['sql', '--ref', ref, statement]
  const orders = (ref: string) =>
    project.succeed(['query', '--ref', ref, '--format', 'csv', 'SELECT id, amount FROM bronze.orders ORDER BY id'])

  async function failure(args: readonly string[]): Promise<Record<string, unknown>> {
    const { code, stdout } = await project.phlo([...args, '--json'])
    expect(code).toBe(1)
    return (JSON.parse(stdout) as { error: Record<string, unknown> }).error
  }

  it('changes a branch alone, and says what it did', async () => {
    const before = await lakeContent(project.dir)
    await project.succeed(['branch', 'create', 'mend'])
    expect(await project.succeed(sql('mend', 'UPDATE bronze.orders SET amount = 8 WHERE id = 3'))).toBe(
      '1 row updated in bronze.orders at mend\n',
    )
    expect(await project.succeed(sql('mend', 'DELETE FROM bronze.orders WHERE id > 5'))).toBe(
      'No row changed in bronze.orders at mend\n',
    )
    const merge =
      'MERGE INTO bronze.orders AS o USING (SELECT * FROM (VALUES (1, NULL), (9, 4.5)) AS v(id, amount)) AS n ON o.id = n.id ' +
      "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, day, customer, amount) VALUES (n.id, DATE '2024-05-03', 'ada', n.amount)"
    expect(JSON.parse(await project.succeed([...sql('mend', merge), '--json']))).toMatchObject({
      operation: 'merge',
      table: 'bronze.orders',
      inserted: 1,
      updated: 0,
      deleted: 1,
      snapshotId: expect.stringMatching(/^\d+$/),
    })
    expect(await project.succeed(sql('mend', 'CREATE TABLE scratch.big AS SELECT * FROM bronze.orders'))).toBe(
      'Made scratch.big at mend\n',
    )
    expect(await orders('mend')).toBe('id,amount\n2,20\n3,8\n9,4.5\n')
    expect(await lakeContent(project.dir)).toEqual(before)
    const log = await project.succeed(['branch', 'log', 'mend', '--limit', '4', '--json'])
    expect(log).toContain('UPDATE bronze.orders SET amount = 8 WHERE id = 3')

    await project.succeed(['branch', 'merge', 'mend'])
    expect(await orders('main')).toBe('id,amount\n2,20\n3,8\n9,4.5\n')
  })

  it('refuses what is no branch, and what is wrong, with its place', async () => {
    await project.succeed(['branch', 'create', 'fixed', '--tag'])
    expect(await failure(sql('fixed', 'TRUNCATE bronze.orders'))).toMatchObject({ code: 'PHLO_REF_INVALID' })
    expect(await failure(sql('nowhere', 'TRUNCATE bronze.orders'))).toMatchObject({
      code: 'PHLO_REF_NOT_FOUND',
      hint: 'Make a branch: phlo branch create nowhere',
    })
    expect(await failure(sql('main', 'SELECT 1'))).toMatchObject({ code: expect.stringMatching(/^PHLO_SQL_/) })
    expect(await failure(sql('main', 'UPDATE bronze.orders\nSET amont = 1'))).toMatchObject({
      code: 'PHLO_SQL_INVALID',
      location: { line: 2 },
    })
    expect((await project.phlo(['sql', 'TRUNCATE bronze.orders'])).code).toBe(2)
  })
})
