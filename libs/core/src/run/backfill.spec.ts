import { beforeEach, describe, expect, it } from '@jest/globals'
import { PhloError } from '@phlo/ports'
import type { IngestionAsset, LoadContext } from '../assets/asset.js'
import { readAssetState } from '../plan/asset-state.js'
import { ingested, table, TestProject } from '../testing/test-project.js'
import { backfill, backfillStatus, type BackfillRequest } from './backfill.js'

const day = (text: string) => Date.parse(`${text}T00:00:00Z`)
let project: TestProject
let asked: string[]
/** Partitions whose source is down. */
let down: Set<string>
beforeEach(async () => {
  project = await TestProject.open()
  asked = []
  down = new Set()
})

const daily = (given: Partial<IngestionAsset> = {}) =>
  ingested('bronze.a', {
    partitions: { unit: 'day', column: 'at', start: day('2024-06-01'), end: day('2024-06-11') },
    source: {
      kind: 'function',
      load: ({ partition }: LoadContext) => {
        const key = partition?.key as string
        asked.push(key)
        if (down.has(key)) throw new Error(`${key} is down`)
        return [{ id: key }]
      },
    },
    ...given,
  })
const range = { asset: 'bronze.a', from: '2024-06-02', to: '2024-06-06' }
const days = (...numbers: number[]) => numbers.map((number) => `2024-06-0${number}`)
const take = (request: Partial<BackfillRequest> = {}, asset = daily()) =>
  backfill(project.dependencies([asset]), { ...range, ...request })
const status = () => backfillStatus(project.dependencies([daily()]), range)
const rows = async (ref = 'main') => ((await project.engine.rows('bronze.a', ref)) ?? []).map(({ id }) => id).sort()
const materialized = async () =>
  readAssetState(await project.catalog.loadTable(table('bronze.a'))).materialized.toString()
const taken = '2024-06-02T00:00:00.000Z/2024-06-07T00:00:00.000Z'

describe('a backfill on one branch', () => {
  it.each([1, 3])('publishes all partitions in one commit, %d at once', async (parallel) => {
    const outcome = await take({ parallel })
    expect(outcome).toMatchObject({ status: 'succeeded', partitions: 5, before: 0, taken: 5, rows: 5, failed: [] })
    expect(asked.sort()).toEqual(days(2, 3, 4, 5, 6))
    expect(await rows()).toEqual(days(2, 3, 4, 5, 6))
    expect(await materialized()).toBe(taken)
    expect(await project.branches()).toEqual([])
    expect(project.heard().filter((type) => type === 'published')).toHaveLength(1)
  })

  it('leaves its branch when it fails, and goes on from there', async () => {
    down.add('2024-06-04')
    const failed = await take()
    const branch = 'backfill-bronze.a-2024-06-02-to-2024-06-06'
    expect(failed).toMatchObject({
      status: 'failed',
      taken: 2,
      branch,
      failed: [{ error: { code: 'PHLO_SOURCE_FAILED' } }],
    })
    expect(await rows()).toEqual([])
    expect(await status()).toEqual({
      asset: 'bronze.a',
      range: '2024-06-02..2024-06-06',
      partitions: 5,
      published: 0,
      waiting: 2,
      branch,
      missing: days(4, 5, 6),
    })
    await expect(take()).rejects.toMatchObject({ code: 'PHLO_REF_EXISTS' })
    down.clear()
    asked = []
    expect(await take({ resume: true })).toMatchObject({ status: 'succeeded', before: 2, taken: 3 })
    expect(asked).toEqual(days(4, 5, 6))
    expect(await rows()).toEqual(days(2, 3, 4, 5, 6))
    expect(await materialized()).toBe(taken)
    expect(await status()).toMatchObject({ published: 5, waiting: 0, missing: [] })
  })

  it('publishes what an earlier one had taken in whole', async () => {
    const permission = Promise.reject(new PhloError('PHLO_WORKFLOW_INVALID', 'not yet'))
    permission.catch(() => undefined)
    expect(await take({ permission })).toMatchObject({ status: 'failed', taken: 5 })
    expect(await take({ resume: true })).toMatchObject({ status: 'succeeded', before: 5, taken: 0 })
    expect(await rows()).toEqual(days(2, 3, 4, 5, 6))
  })

  it('does again on resumption what was made by other code', async () => {
    down.add('2024-06-06')
    await take()
    down.clear()
    asked = []
    await take({ resume: true }, daily({ codeVersion: '2' }))
    expect(asked).toEqual(days(2, 3, 4, 5, 6))
  })
})

describe('a backfill of one branch for each partition', () => {
  it('publishes each by itself, whatever becomes of the others', async () => {
    down.add('2024-06-04')
    const outcome = await take({ branchPerPartition: true, parallel: 2 })
    expect(outcome).toMatchObject({ status: 'failed', taken: 4, failed: [{ partition: '2024-06-04' }] })
    expect(await rows()).toEqual(days(2, 3, 5, 6))
    down.clear()
    asked = []
    const resumed = await take({ branchPerPartition: true, resume: true })
    expect(resumed).toMatchObject({ status: 'succeeded', before: 4, taken: 1 })
    expect(asked).toEqual(days(4))
    expect(await rows()).toEqual(days(2, 3, 4, 5, 6))
    expect(await take({ branchPerPartition: true, resume: true })).toMatchObject({ status: 'nothing-to-do', before: 5 })
  })
})

describe('a backfill', () => {
  it.each([
    ['bronze.b', 'PHLO_ASSET_UNKNOWN'],
    ['bronze.whole', 'PHLO_PARTITION_INVALID'],
  ])('of %s is refused', async (asset, code) => {
    const dependencies = project.dependencies([daily(), ingested('bronze.whole')])
    await expect(backfill(dependencies, { asset })).rejects.toMatchObject({ code })
  })

  it('tries partitions again whose source fails for a while', async () => {
    let failures = 2
    const load = () => {
      if (failures-- > 0) throw new Error('down')
      return [{ id: 1 }]
    }
    const retries = { attempts: 3, delay: 1000, maxDelay: 60_000 }
    const asset = daily({ retries, source: { kind: 'function', load } })
    expect(await take({ to: '2024-06-02' }, asset)).toMatchObject({ status: 'succeeded', taken: 1 })
    expect(project.slept).toEqual([1000, 2000])
    expect(project.heard().filter((type) => type === 'step-retried')).toHaveLength(2)
  })
})
