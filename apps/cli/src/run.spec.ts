import { existsSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { lakeContent } from './testing/lake-content.js'
import { TestProject } from './testing/project.js'
import { shop } from './testing/shop.js'

interface Event {
  readonly type: string
  readonly data: Record<string, unknown>
}

const projects: TestProject[] = []
afterAll(() => Promise.all(projects.map((project) => project.remove())))

async function create(files: Readonly<Record<string, string>> = shop): Promise<TestProject> {
  const project = await TestProject.create(files)
  projects.push(project)
  return project
}

const refs = async (project: TestProject) =>
  (JSON.parse(await project.succeed(['branch', 'list', '--json'])) as { name: string; commit: string }[]).map(
    ({ name, commit }) => ({ name, commit }),
  )
const mainCommit = async (project: TestProject) => (await refs(project)).find(({ name }) => name === 'main')?.commit

describe('A run', () => {
  let project: TestProject
  let first: string
  beforeAll(async () => {
    project = await create()
    first = await project.succeed(['run'])
  })

  it('publishes what it ingested and modelled, and puts wrong rows into quarantine', async () => {
    const content = await lakeContent(project.dir)
    expect(content['bronze.orders']).toEqual([
      '{"id":1,"day":"2024-05-01","customer":"ada","amount":10.5}',
      '{"id":2,"day":"2024-05-01","customer":"grace","amount":20}',
      '{"id":3,"day":"2024-05-02","customer":"ada","amount":5}',
    ])
    expect(content['gold.revenue']).toEqual([
      '{"day":"2024-05-01","amount":30.5,"orders":2}',
      '{"day":"2024-05-02","amount":5,"orders":1}',
    ])
    const rejected = await project.query('SELECT source_row, reason FROM quarantine.bronze_orders')
    expect(rejected).toEqual([{ source_row: 4, reason: 'amount must be at least 0, not -1' }])
  })

  it('leaves no branch behind', async () => {
    expect((await refs(project)).map(({ name }) => name)).toEqual(['main'])
  })

  it('prints plain lines without colour where nobody watches', () => {
    expect(first).not.toMatch(/\u001b/)
    expect(first).toMatch(/^✓ bronze\.orders {2}3 rows/m)
    expect(first).toMatch(/^Published to main as [0-9a-f]{12} \(2 steps/m)
  })

  it('has nothing to do the second time, and gives the same tables when forced', async () => {
    const before = await lakeContent(project.dir)
    const commit = await mainCommit(project)
    expect(await project.succeed(['run'])).toMatch(/nothing|up to date/i)
    expect(await mainCommit(project)).toBe(commit)

    await project.succeed(['run', '--force'])
    const after = await lakeContent(project.dir)
    // The quarantine keeps what each run rejected; the tables are as they were.
    for (const table of ['bronze.orders', 'gold.revenue']) expect(after[table]).toEqual(before[table])
  })

  it('tells programs what happens as JSON, a line an event', async () => {
    const text = await project.succeed(['run', '--force', '--json'])
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Event)
    expect([...new Set(events.map(({ type }) => type))]).toEqual(
      expect.arrayContaining([
        'run-started',
        'step-started',
        'step-finished',
        'check-finished',
        'published',
        'run-finished',
      ]),
    )
    expect(events.at(-1)).toMatchObject({ type: 'run-finished', data: { outcome: { status: 'succeeded', steps: 2 } } })
  })
})

describe('A run with a failed blocking check', () => {
  let project: TestProject
  let commit: string | undefined
  let outcome: Awaited<ReturnType<TestProject['phlo']>>
  beforeAll(async () => {
    project = await create()
    await project.succeed(['run'])
    commit = await mainCommit(project)
    const lines = Array.from({ length: 30 }, (_, index) => `${index + 10},2024-05-03,ada,${2000 + index}`)
    await project.write('orders.csv', `id,day,customer,amount\n${lines.join('\n')}\n`)
    outcome = await project.phlo(['run', '--json'])
  })

  const events = () =>
    outcome.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Event)

  it('ends with an exit code that is not zero', () => {
    expect(outcome.code).toBe(1)
  })

  it('leaves main as it was', async () => {
    expect(await mainCommit(project)).toBe(commit)
    expect((await lakeContent(project.dir))['bronze.orders']).toHaveLength(3)
  })

  it('keeps the branch, with the rows on it', async () => {
    const [branch] = (await refs(project)).filter(({ name }) => name !== 'main')
    expect(branch?.name).toMatch(/^pipeline-run-\d{8}t\d{6}-[0-9a-f]{6}$/)
    expect(await project.query('SELECT count(*) AS n FROM bronze.orders', branch?.name)).toEqual([{ n: 33 }])
  })

  it('shows at most 20 of the rows, and SQL that finds them all', async () => {
    const failed = events().find(
      ({ type, data }) => type === 'check-finished' && JSON.stringify(data).includes('range_amount'),
    )
    const { check: result } = failed?.data as {
      check: { status: string; metadata: { failed_count: number; sample: { amount: number }[]; repro_sql: string } }
    }
    expect(result.status).toBe('failed')
    expect(result.metadata.failed_count).toBe(30)
    expect(result.metadata.sample).toHaveLength(20)
    for (const { amount } of result.metadata.sample) expect(amount).toBeGreaterThan(1000)
    const [branch] = (await refs(project)).filter(({ name }) => name !== 'main')
    const shown = await project.query(result.metadata.repro_sql, branch?.name)
    expect(shown.every(({ amount }) => (amount as number) > 1000)).toBe(true)
    expect(shown.length).toBeGreaterThanOrEqual(20)
  })

  it('runs no model on top of the failure', () => {
    expect(events().filter(({ type }) => type === 'step-skipped')).toMatchObject([
      { data: { step: { asset: 'gold.revenue' } } },
    ])
  })

  it('publishes once the source is mended', async () => {
    await project.write('orders.csv', 'id,day,customer,amount\n10,2024-05-03,ada,2\n')
    await project.succeed(['run'])
    expect((await lakeContent(project.dir))['bronze.orders']).toContain(
      '{"id":10,"day":"2024-05-03","customer":"ada","amount":2}',
    )
  })
})

describe('Partitions', () => {
  const partitioned = {
    'phlo.yaml': 'name: days\n',
    'workflows/days.ts': `import { daily, files, ingestion, z } from 'phlo'

export const days = ingestion(
  {
    name: 'days',
    schema: z.object({ day: z.iso.date(), value: z.int() }),
    partitions: daily({ column: 'day', start: '2024-01-01', end: '2024-01-05' }),
  },
  files({ path: 'days.csv' }),
)
`,
    'days.csv': 'day,value\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n2024-01-04,4\n',
  }

  it('runs what is asked for, then what is missing, and the same partition twice gives the same table', async () => {
    const project = await create(partitioned)
    await project.succeed(['run', 'days', '--partition', '2024-01-02'])
    expect(await project.query('SELECT * FROM bronze.days')).toEqual([{ day: '2024-01-02', value: 2 }])
    const once = await lakeContent(project.dir)

    await project.succeed(['run', 'days', '--partition', '2024-01-02'])
    expect(await lakeContent(project.dir)).toEqual(once)

    await project.succeed(['run', 'days', '--from', '2024-01-02', '--to', '2024-01-03'])
    expect(await project.query('SELECT value FROM bronze.days ORDER BY 1')).toEqual([{ value: 2 }, { value: 3 }])

    const plan = JSON.parse(await project.succeed(['plan', '--json'])) as { steps: { partition: string }[] }
    expect(plan.steps.map(({ partition }) => partition)).toEqual(['2024-01-01', '2024-01-04'])
    await project.succeed(['run'])
    expect(await project.query('SELECT value FROM bronze.days ORDER BY 1')).toHaveLength(4)
  })

  it('are taken in by two runs at once, and the second is put on top of the first', async () => {
    const project = await create({
      ...partitioned,
      'workflows/days.ts': `import { existsSync, writeFileSync } from 'node:fs'
import { daily, ingestion, quality, z } from 'phlo'

export const days = ingestion(
  {
    name: 'days',
    schema: z.object({ day: z.iso.date(), value: z.int() }),
    partitions: daily({ column: 'day', start: '2024-01-01', end: '2024-01-05' }),
  },
  async ({ partition }) => {
    if (partition?.key === '2024-01-03') {
      writeFileSync('waiting', '')
      while (!existsSync('go')) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return [{ day: partition?.start, value: Number(partition?.start.slice(8)) }]
  },
)

quality(days, (t) => [t.unique('day')])
`,
    })
    await project.succeed(['run', 'days', '--partition', '2024-01-01'])
    const slow = project.succeed(['run', 'days', '--partition', '2024-01-03'])
    for (let waits = 0; waits < 1000 && !existsSync(path.join(project.dir, 'waiting')); waits++)
      await new Promise((resolve) => setTimeout(resolve, 50))
    await project.succeed(['run', 'days', '--partition', '2024-01-02'])
    await project.write('go', '')
    expect(await slow).toMatch(
      /^… main changed bronze\.days meanwhile {2}put on top: bronze\.days; 1 check again\n.*✓ /m,
    )
    expect(await project.query('SELECT value FROM bronze.days ORDER BY 1')).toEqual(
      [1, 2, 3].map((value) => ({ value })),
    )
    const plan = JSON.parse(await project.succeed(['plan', '--json'])) as { steps: { partition: string }[] }
    expect(plan.steps.map(({ partition }) => partition)).toEqual(['2024-01-04'])
  })

  it('are run again when their source has changed', async () => {
    const project = await create(partitioned)
    await project.succeed(['run'])
    await project.write('days.csv', 'day,value\n2024-01-01,10\n2024-01-02,2\n')
    await project.succeed(['run'])
    expect(await project.query('SELECT value FROM bronze.days ORDER BY 1')).toEqual([{ value: 2 }, { value: 10 }])
  })

  it('that do not exist are an error that names those which do', async () => {
    const project = await create(partitioned)
    const { code, stderr } = await project.phlo(['run', 'days', '--partition', '2031-01-01'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/PHLO_PARTITION_INVALID/)
    expect(stderr).toMatch(/2024-01-01/)
  })
})

describe('A mistake in a workflow', () => {
  const withWorkflow = (text: string) => create({ ...shop, 'workflows/orders.ts': text })

  it('of syntax is named by file, line and column', async () => {
    const project = await withWorkflow(`import { z } from 'phlo'\n\nexport const x = {\n  a: 1,,\n}\n`)
    const { code, stderr } = await project.phlo(['run'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/workflows\/orders\.ts:4:\d+/)
  })

  it('of types keeps the run from publishing, and is named by file and line', async () => {
    const project = await withWorkflow(shop['workflows/orders.ts'].replace("t.range('amount'", "t.range('amnt'"))
    const { code, stdout, stderr } = await project.phlo(['run'])
    expect(code).toBe(1)
    expect(stdout + stderr).toMatch(/workflows\/orders\.ts:12/)
    expect(Object.keys(await lakeContent(project.dir))).toEqual([])
  })

  it('that throws is named by file and line', async () => {
    const project = await withWorkflow(`const lines = ['a']\n\nthrow new TypeError('no such thing: ' + lines.length)\n`)
    const { code, stderr } = await project.phlo(['plan'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/no such thing: 1/)
    expect(stderr).toMatch(/workflows\/orders\.ts:3/)
  })
})

describe('A mistake in a model', () => {
  const model = 'workflows/transforms/dbt/models/gold/revenue.sql'

  it('is named by its place in the file, before the template was rendered', async () => {
    const project = await create({
      ...shop,
      [model]: `{{ config(tags=['money']) }}\nselect\n  day, {{ var('a', '1') }} as one, sum(amont) as amount\nfrom {{ source('shop', 'orders') }} group by all\n`,
    })
    const { code, stdout } = await project.phlo(['run'])
    expect(code).toBe(1)
    expect(stdout).toMatch(/PHLO_SQL_INVALID .*"amont" not found/)
    expect(stdout).toContain(`${model}:3:40`)
  })

  it('of a name is told with the nearest one, before anything runs', async () => {
    const project = await create({ ...shop, [model]: `select 1 as day\nfrom {{ ref('revenu') }}\n` })
    const { code, stderr } = await project.phlo(['run'])
    expect(code).toBe(1)
    expect(stderr).toContain(`${model}:2`)
    expect(stderr).toMatch(/Did you mean revenue\?/)
  })
})
