import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { CheckResult, QualityReport, TableProfile } from '@phlo/core'
import { TestProject } from './testing/project.js'
import { shop } from './testing/shop.js'

let project: TestProject

beforeAll(async () => {
  project = await TestProject.create({
    ...shop,
    'orders.csv': shop['orders.csv'] + '5,2024-05-02,"<b>&amp;",900\n',
    'workflows/quality.ts': `import { quality } from 'phlo'
quality('bronze.orders', (t) => [
  t.acceptedValues('customer', ['ada', 'grace'], { blocking: false }),
  t.range('amount', { max: 100 }, { severity: 'warn', name: 'dear' }),
  t.holds('no_such_column > 1', { name: 'broken', blocking: false }),
  t.volume({ minHistory: 2 }),
])
`,
  })
  await project.succeed(['run'])
}, 600_000)

afterAll(() => project.remove())

const statuses = (results: readonly CheckResult[]) =>
  Object.fromEntries(results.map(({ name, status }) => [name, status]))

describe('check', () => {
  it('runs checks of an asset on what is there, and fails when one fails or cannot run', async () => {
    const { code, stdout } = await project.phlo(['check', 'orders', '--json'])
    const results = JSON.parse(stdout) as CheckResult[]
    expect(code).toBe(1)
    expect(statuses(results)).toEqual({
      count: 'passed',
      range_amount: 'passed',
      accepted_values_customer: 'failed',
      dear: 'warned',
      broken: 'errored',
      volume: 'passed',
    })
    expect(results.find(({ name }) => name === 'accepted_values_customer')?.metadata).toEqual({
      source: 'phlo',
      failed_count: 1,
      total_count: 4,
      query_or_sql: `SELECT * FROM "bronze"."orders" WHERE "customer" NOT IN ('ada', 'grace')`,
      repro_sql: `SELECT * FROM "bronze"."orders" WHERE "customer" NOT IN ('ada', 'grace') LIMIT 20`,
      sample: [{ id: 5, day: '2024-05-02', customer: '<b>&amp;', amount: 900 }],
    })
  }, 600_000)

  it('passes where all checks do, and names the checks of models as dbt’s', async () => {
    const results = JSON.parse(await project.succeed(['check', 'revenue', '--json'])) as CheckResult[]
    expect(results.map(({ name, metadata }) => [name, metadata.source])).toEqual([
      ['dbt__unique__revenue_day', 'dbt'],
      ['dbt__not_null__revenue_day', 'dbt'],
    ])
  }, 600_000)

  it('fails checks of a table that is not there', async () => {
    const { code, stdout } = await project.phlo(['check', 'revenue', '--ref', '@{2020-01-01}', '--json'])
    expect(code).toBe(1)
    expect(stdout).toContain('PHLO_')
  }, 600_000)

  it('writes JUnit’s XML to a file', async () => {
    expect((await project.phlo(['check', 'orders', '--format', 'junit', '--output', 'out/checks.xml'])).code).toBe(1)
    const xml = await readFile(path.join(project.dir, 'out/checks.xml'), 'utf8')
    expect(xml).toMatch(
      /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuites name="shop" tests="6" failures="1" errors="1"/,
    )
    expect(xml).toContain('<testcase classname="bronze.orders" name="count"/>')
    expect(xml).toContain('type="PHLO_SQL_INVALID"')
  }, 600_000)
})

describe('quality', () => {
  it('reports what is known of each check, in text, JSON and HTML', async () => {
    const report = JSON.parse(await project.succeed(['quality', 'report', 'orders', '--json'])) as QualityReport
    expect(report.counts).toMatchObject({ failed: 1, errored: 1 })
    const [asset] = report.assets
    expect(asset).toMatchObject({ asset: 'bronze.orders', neverRan: [] })
    expect(statuses(asset?.checks.map(({ result }) => result) ?? [])).toMatchObject({
      pandera_contract: 'warned',
      broken: 'errored',
    })
    expect(asset?.checks.find(({ result }) => result.name === 'dear')?.history.at(-1)).toMatchObject({
      status: 'warned',
      failedFraction: 0.25,
      published: true,
    })
    expect(await project.succeed(['quality'])).toMatch(/bronze\.orders\n {2}! pandera_contract/)
    await project.succeed(['quality', 'report', '--format', 'html', '--output', 'quality.html'])
    const page = await readFile(path.join(project.dir, 'quality.html'), 'utf8')
    expect(page).toContain('<td>&lt;b&gt;&amp;amp;</td>')
    expect(page).not.toContain('<b>')
    expect(page).not.toMatch(/<script|https?:|@import|url\(/)
  }, 600_000)

  it('puts what checks found before SQL, to be joined with the lake', async () => {
    const rows = JSON.parse(
      await project.succeed([
        'quality',
        'query',
        '--json',
        `SELECT check_name, status, failed_count, (SELECT count(*) FROM bronze.orders) AS rows FROM check_results
         WHERE check_name IN ('dear', 'broken') GROUP BY ALL ORDER BY 1 -- by name`,
      ]),
    ) as unknown
    expect(rows).toEqual([
      { check_name: 'broken', status: 'errored', failed_count: 0, rows: 4 },
      { check_name: 'dear', status: 'warned', failed_count: 1, rows: 4 },
    ])
  }, 600_000)
})

describe('profile', () => {
  it('tells what columns hold', async () => {
    const profile = JSON.parse(await project.succeed(['profile', 'bronze.orders', '--json'])) as TableProfile
    expect(profile).toMatchObject({ table: 'bronze.orders', rows: 4 })
    expect(profile.columns.map(({ name, type, nulls, min, max }) => [name, type, nulls, min, max])).toEqual([
      ['id', 'long', 0, 1, 5],
      ['day', 'date', 0, '2024-05-01', '2024-05-02'],
      ['customer', 'string', 0, '<b>&amp;', 'grace'],
      ['amount', 'double', 0, 5, 900],
    ])
    expect(await project.succeed(['profile', 'bronze.orders'])).toContain("t.notNull('id')")
    expect((await project.phlo(['profile', 'bronze.none'])).code).toBe(1)
  }, 600_000)
})
