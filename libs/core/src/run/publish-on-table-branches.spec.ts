import { beforeEach, describe, expect, it } from '@jest/globals'
import { TableBranches } from '@phlo/catalog'
import { PlainCatalog } from '@phlo/catalog/testing'
import { formatIdentifier } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { readAssetState } from '../plan/asset-state.js'
import type { Row } from '../testing/fake-engine.js'
import { checked, ingested, model, table, TestProject } from '../testing/test-project.js'

let project: TestProject
/** The same lake as another process has it. */
let elsewhere: TestProject
beforeEach(() => {
  const store = new MemoryObjectStore()
  const server = new PlainCatalog()
  const rows = new Map<string, readonly Row[]>()
  project = new TestProject(new TableBranches(server, store), store, rows)
  elsewhere = new TestProject(new TableBranches(server, store), store, rows)
})

/** Lets something happen on main before the run's next write, or the next one to that table. */
function meanwhile(work: () => Promise<unknown>, to?: string): void {
  project.engine.beforeWrite = async (target) => {
    if (to !== undefined && formatIdentifier(target) !== to) return
    project.engine.beforeWrite = () => undefined
    await work()
  }
}

const moves = () => project.events.filter(({ type }) => type === 'main-moved').map(({ data }) => data)

const ids = async (name: string, ref = 'main') =>
  (await project.engine.rows(name, ref))?.map((row) => Number(row['id'])).sort((a, b) => a - b)

const unique = checked({ rows: 'repeated()' }, { name: 'unique' })
const appending = (id: number) =>
  ingested('bronze.a', { strategy: { kind: 'append' }, load: () => [{ id }], checks: [unique] })

describe('A run on a catalog whose tables have branches', () => {
  it('is published without a word of main where main stood still', async () => {
    await elsewhere.run([appending(1)])
    const outcome = await project.run([appending(2), model('gold.m', ['bronze.a'])])
    expect(outcome.status).toBe('succeeded')
    expect(moves()).toEqual([])
    expect(await ids('bronze.a')).toEqual([1, 2])
    expect(await project.branches()).toEqual([])
  })

  it('hears nothing of what main changes elsewhere', async () => {
    meanwhile(() => elsewhere.engine.write(table('bronze.other'), 'main', [{ id: 7 }]))
    expect(await project.run([appending(1)])).toMatchObject({ status: 'succeeded' })
    expect(moves()).toEqual([])
  })

  it('is put on top of a main that changed the same table, and its checks run again on the rows of both', async () => {
    await project.run([appending(1)])
    meanwhile(() => elsewhere.run([appending(2)]))
    const outcome = await project.run([appending(3)])
    expect(outcome.status).toBe('succeeded')
    expect(moves()).toEqual([
      {
        commit: expect.any(String),
        changed: ['bronze.a'],
        rebased: ['bronze.a'],
        stale: [],
        checks: [{ asset: 'bronze.a', name: 'unique' }],
      },
    ])
    expect(await ids('bronze.a')).toEqual([1, 2, 3])
  })

  it('leaves main to the other when a check fails on the rows of both, and the branch shows them', async () => {
    await project.run([appending(1)])
    meanwhile(() => elsewhere.run([appending(2)]))
    const outcome = await project.run([appending(2)])
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'PHLO_CHECK_FAILED' } })
    expect([await ids('bronze.a'), await ids('bronze.a', outcome.branch)]).toEqual([
      [1, 2],
      [1, 2, 2],
    ])
  })

  it('tells that a model is stale when main changed what it was made of', async () => {
    await elsewhere.engine.write(table('bronze.other'), 'main', [{ id: 1 }])
    meanwhile(() => elsewhere.engine.write(table('bronze.other'), 'main', [{ id: 7 }]), 'gold.m')
    const outcome = await project.run([appending(1), ingested('bronze.other'), model('gold.m', ['bronze.other'])], {
      selection: ['bronze.a', 'gold.m'],
    })
    expect(outcome.status).toBe('succeeded')
    expect(moves()).toEqual([
      { commit: expect.any(String), changed: ['bronze.other'], rebased: [], stale: ['gold.m'], checks: [] },
    ])
  })

  it('is a conflict where both replaced the table, and the branch keeps what the run wrote', async () => {
    const replacing = (id: number) => ingested('bronze.a', { load: () => [{ id }] })
    await project.run([replacing(1)])
    meanwhile(() => elsewhere.run([replacing(2)], { force: true }))
    const outcome = await project.run([replacing(3)], { force: true })
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'PHLO_MERGE_CONFLICT' } })
    expect([await ids('bronze.a'), await ids('bronze.a', outcome.branch)]).toEqual([[2], [3]])
  })

  it('takes in partitions beside another run, and the table says which there are', async () => {
    const partitions = { unit: 'day', column: 'at', start: Date.UTC(2024, 5, 1), end: Date.UTC(2024, 5, 4) } as const
    const day = (id: number) => [ingested('bronze.a', { partitions, load: () => [{ id }] })]
    const on = (partition: string) => ({ from: partition, to: partition })
    await project.run(day(1), on('2024-06-01'))
    meanwhile(() => elsewhere.run(day(2), on('2024-06-02')))
    expect(await project.run(day(3), on('2024-06-03'))).toMatchObject({ status: 'succeeded' })
    expect(await ids('bronze.a')).toEqual([1, 2, 3])
    const { materialized } = readAssetState(await project.catalog.loadTable(table('bronze.a')))
    expect(materialized.intervals).toEqual([{ from: partitions.start, to: partitions.end }])
  })
})
