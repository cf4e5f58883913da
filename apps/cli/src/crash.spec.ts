import { cp, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { mainBranch } from '@phlo/ports'
import { LocalObjectStore } from '@phlo/storage-local'
import { lakeContent } from './testing/lake-content.js'
import { TestProject } from './testing/project.js'

const moments = 50
const faultyStorage = fileURLToPath(new URL('./testing/faulty-storage.mjs', import.meta.url))

const files = {
  'phlo.yaml': `name: shop\nprofile: local\nprofiles:\n  local:\n    storage: { use: ./faulty-storage.mjs }\n`,
  'workflows/shop.ts': `
import { daily, files, ingestion, quality, z } from 'phlo'

const Order = z.object({ id: z.int(), day: z.iso.date(), customer: z.int(), amount: z.number().min(0) })

export const orders = ingestion(
  { name: 'orders', group: 'shop', schema: Order, partitions: daily({ column: 'day', start: '2024-05-01', end: '2024-05-04' }) },
  files({ path: 'incoming/orders-*.csv' }),
)

export const customers = ingestion(
  { name: 'customers', group: 'shop', schema: z.object({ id: z.int(), name: z.string() }), uniqueKey: 'id' },
  files({ path: 'incoming/customers.csv' }),
)

quality(orders, (t) => [t.count({ min: 1 }), t.unique('id')])
quality(customers, (t) => [t.notNull('name')])
`,
  'workflows/transforms/dbt/dbt_project.yml': `name: shop\nversion: '1.0'\nconfig-version: 2\n`,
  'workflows/transforms/dbt/models/gold/revenue.sql': `
select c.name, o.day, sum(o.amount) as amount, count(*) as orders
from {{ source('shop', 'orders') }} o join {{ source('shop', 'customers') }} c on c.id = o.customer
group by all
`,
  'workflows/transforms/dbt/models/gold/models.yml': `
version: 2
sources:
  - name: shop
    schema: bronze
    tables: [{ name: orders }, { name: customers }]
models:
  - name: revenue
    columns: [{ name: amount, data_tests: [not_null] }]
`,
  'incoming/customers.csv': 'id,name\n1,Ada\n2,Grace\n',
  'incoming/orders-1.csv': 'id,day,customer,amount\n1,2024-05-01,1,10.5\n2,2024-05-01,2,20\n3,2024-05-02,1,5\n',
}

const newInput = {
  'incoming/customers.csv': 'id,name\n1,Ada Lovelace\n2,Grace\n3,Edsger\n',
  'incoming/orders-2.csv': 'id,day,customer,amount\n4,2024-05-02,2,1\n5,2024-05-03,3,99.5\n6,2024-05-03,1,4\n',
}

type Content = Awaited<ReturnType<typeof lakeContent>>

/**
 * A project that has published its first input, has new input to run, and can be put back to just there. Tables name
 * their files by absolute path, so the folder is put back instead of copied.
 */
class Scene {
  readonly project: TestProject

  constructor(project: TestProject) {
    this.project = project
  }

  static async set(): Promise<Scene> {
    const project = await TestProject.create({ ...files, 'faulty-storage.mjs': await readFile(faultyStorage, 'utf8') })
    await project.succeed(['run'])
    for (const [file, text] of Object.entries(newInput)) await project.write(file, text)
    await cp(path.join(project.dir, '.phlo'), path.join(project.dir, 'saved'), { recursive: true })
    return new Scene(project)
  }

  async reset(): Promise<void> {
    await rm(path.join(this.project.dir, '.phlo'), { recursive: true })
    await cp(path.join(this.project.dir, 'saved'), path.join(this.project.dir, '.phlo'), { recursive: true })
  }

  content(): Promise<Content> {
    return lakeContent(this.project.dir)
  }

  /** Fails unless main is whole, and the next run brings it to the new state with no help. */
  async expectRecovery(): Promise<void> {
    expect([before, after]).toContainEqual(await this.content())
    await this.project.succeed(['run'])
    expect(await this.content()).toEqual(after)
    const runs = JSON.parse(await this.project.succeed(['runs', 'list', '--json'])) as { status: string }[]
    expect(runs.map(({ status }) => status)).not.toContain('running')
  }
}

/** Two, so that as many cycles go on at once as small machines have cores. */
let scenes: Scene[]
let before: Content
let after: Content
/** What each write of the run from the one state to the other was to, in order. */
let writes: string[]
/** How long that run takes, in milliseconds. */
let duration: number

beforeAll(async () => {
  scenes = await Promise.all([Scene.set(), Scene.set()])
  const [scene] = scenes as [Scene]
  before = await scene.content()
  const log = path.join(scene.project.dir, 'writes.log')
  const started = Date.now()
  await scene.project.succeed(['run'], { env: { FAULT_LOG: log } })
  duration = Date.now() - started
  after = await scene.content()
  writes = (await readFile(log, 'utf8')).trim().split('\n')
})

afterAll(() => Promise.all(scenes.map(({ project }) => project.remove())))

/** Does the work for every item, in all scenes at once, each time from the same state. */
async function inScenes<T>(items: readonly T[], work: (scene: Scene, item: T) => Promise<void>): Promise<void> {
  const waiting = [...items]
  await Promise.all(
    scenes.map(async (scene) => {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
        await scene.reset()
        await work(scene, item)
      }
    }),
  )
}

describe('A run that is killed', () => {
  it('has two states to choose from', () => {
    expect(after).not.toEqual(before)
    expect(Object.keys(after).sort()).toEqual(['bronze.customers', 'bronze.orders', 'gold.revenue'])
    expect(writes.length).toBeGreaterThan(20)
  })

  it('leaves main old or new, and the next run succeeds, wherever among its writes it dies', async () => {
    const points = writes.flatMap((_, index) => [`${index + 1}:before`, `${index + 1}:after`])
    const endedBy = new Set<string | null>()
    await inScenes(spread(points, moments / 2), async (scene, point) => {
      endedBy.add((await scene.project.phlo(['run'], { env: { FAULT: point } })).signal)
      await scene.expectRecovery()
    })
    // A point that was never reached would have tested nothing.
    expect([...endedBy]).toEqual(['SIGKILL'])
  }, 900_000)

  it('leaves main old or new, and the next run succeeds, at random times', async () => {
    const times = Array.from({ length: moments / 2 }, () => Math.random() * duration * 1.2)
    await inScenes(times, async (scene, killAfter) => {
      await scene.project.phlo(['run'], { killAfter })
      await scene.expectRecovery()
    })
  }, 900_000)
})

describe('A run whose publishing meets a commit of somebody else', () => {
  const rivalCommits = async ({ project }: Scene): Promise<number> => {
    const catalog = await EmbeddedCatalog.open(await LocalObjectStore.open(path.join(project.dir, '.phlo/lake')))
    let count = 0
    for await (const { message } of catalog.log(mainBranch)) if (message === 'a rival commit') count++
    return count
  }

  it('keeps that commit and publishes on top of it', async () => {
    await inScenes(['once'], async (scene) => {
      await scene.project.succeed(['run'], { env: { FAULT_RIVAL: mainBranch } })
      expect(await rivalCommits(scene)).toBe(1)
      expect(await scene.content()).toEqual(after)
    })
  })

  it('would lose it if puts were not conditional, which is what the test above guards', async () => {
    await inScenes(['once'], async (scene) => {
      await scene.project.phlo(['run'], { env: { FAULT_RIVAL: mainBranch, FAULT_PLAIN: '1' } })
      expect(await rivalCommits(scene)).toBe(0)
    })
  })
})

/** So many of the items, each from another stretch of them. */
function spread<T>(items: readonly T[], count: number): T[] {
  const stretch = items.length / count
  return Array.from({ length: count }, (_, index) => items[Math.floor((index + Math.random()) * stretch)] as T)
}
