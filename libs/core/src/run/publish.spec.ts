import { beforeEach, describe, expect, it } from '@jest/globals'
import { PhloError } from '@phlo/ports'
import type { RunOutcome } from '../events/run-events.js'
import { makePlan } from '../plan/make-plan.js'
import { readAssetState } from '../plan/asset-state.js'
import type { Asset } from '../assets/asset.js'
import { checked, ingested, model, table, TestProject, withMethods } from '../testing/test-project.js'

let project: TestProject
beforeEach(async () => {
  project = await TestProject.open()
})

/** Lets something happen on main before the run's next write. */
function meanwhile(work: () => Promise<unknown>): void {
  project.engine.beforeWrite = async () => {
    project.engine.beforeWrite = () => undefined
    await work()
  }
}

const eventsOf = (type: string, outcome: RunOutcome) =>
  project.events.filter((event) => event.type === type && event.runId === outcome.runId).map(({ data }) => data)

/** Names and statuses of the checks that ran, the schema's own left out, in order. */
const checksOf = (outcome: RunOutcome) =>
  (eventsOf('check-finished', outcome) as { check: { asset: string; name: string; status: string } }[])
    .map(({ check }) => `${check.asset} ${check.name} ${check.status}`)
    .filter((text) => !text.includes('pandera_contract'))

const ids = async (name: string, ref = 'main') =>
  (await project.engine.rows(name, ref))?.map((row) => Number(row['id'])).sort((a, b) => a - b)

const stale = async (assets: readonly Asset[]) => {
  const { graph, catalog, sources, projectDir } = project.dependencies(assets)
  const { steps } = await makePlan({ graph, catalog, sources, projectDir }, {})
  return steps.filter(({ kind }) => kind === 'model').map(({ asset, reason }) => [asset, reason])
}

const unique = checked({ rows: 'repeated()' }, { name: 'unique' })
const appending = (id: number, checks = [unique]) =>
  ingested('bronze.a', { strategy: { kind: 'append' }, load: () => [{ id }], checks })

describe('two runs that append to one table at once', () => {
  it('are both published, and the second is audited with the rows of both', async () => {
    await project.run([appending(1)])
    let first: RunOutcome | undefined
    meanwhile(async () => {
      first = await project.run([appending(2)])
    })
    const second = await project.run([appending(3)])
    expect([first?.status, second.status]).toEqual(['succeeded', 'succeeded'])
    expect(await ids('bronze.a')).toEqual([1, 2, 3])
    expect(eventsOf('main-moved', second)).toEqual([
      {
        commit: first?.publishedCommit,
        changed: ['bronze.a'],
        rebased: ['bronze.a'],
        stale: [],
        checks: [{ asset: 'bronze.a', name: 'unique' }],
      },
    ])
    expect(checksOf(second)).toEqual(['bronze.a unique passed', 'bronze.a unique passed'])
    const log: (string | undefined)[] = []
    for await (const { properties } of project.catalog.log('main', { limit: 2 })) log.push(properties['run-id'])
    expect(log).toEqual([second.runId, first?.runId])
    expect(await project.branches()).toEqual([])
  })

  it('leave main to the first when a check fails on the rows of both', async () => {
    await project.run([appending(1)])
    let first: RunOutcome | undefined
    meanwhile(async () => {
      first = await project.run([appending(2)])
    })
    const second = await project.run([appending(2)])
    expect(second).toMatchObject({
      status: 'failed',
      failedChecks: 1,
      error: { code: 'PHLO_CHECK_FAILED', message: 'The check unique of bronze.a failed' },
    })
    expect(checksOf(second)).toEqual(['bronze.a unique passed', 'bronze.a unique failed'])
    expect(await project.head()).toBe(first?.publishedCommit)
    expect(await ids('bronze.a')).toEqual([1, 2])
    // The branch shows what was audited.
    expect(await ids('bronze.a', second.branch)).toEqual([1, 2, 2])
    expect(eventsOf('published', second)).toEqual([])
  })

  it('take in partitions of their own, and the table says which there are', async () => {
    const partitions = { unit: 'day', column: 'at', start: Date.UTC(2024, 5, 1), end: Date.UTC(2024, 5, 4) } as const
    const day = (id: number) => [ingested('bronze.a', { partitions, load: () => [{ id }] })]
    const on = (partition: string) => ({ from: partition, to: partition })
    await project.run(day(1), on('2024-06-01'))
    meanwhile(() => project.run(day(2), on('2024-06-02')))
    expect(await project.run(day(3), on('2024-06-03'))).toMatchObject({ status: 'succeeded' })
    expect(await ids('bronze.a')).toEqual([1, 2, 3])
    const { materialized } = readAssetState(await project.catalog.loadTable(table('bronze.a')))
    expect(materialized.intervals).toEqual([{ from: partitions.start, to: partitions.end }])
  })
})

describe('publishing on a main that moved', () => {
  it('runs no check again when the run had nothing to do with what changed', async () => {
    meanwhile(() => project.engine.write(table('bronze.other'), 'main', [{ id: 7 }]))
    const outcome = await project.run([appending(1)])
    expect(outcome.status).toBe('succeeded')
    expect(eventsOf('main-moved', outcome)).toEqual([
      { commit: expect.any(String), changed: [], rebased: [], stale: [], checks: [] },
    ])
    expect(checksOf(outcome)).toEqual(['bronze.a unique passed'])
  })

  it('runs only those blocking checks again that look at what changed', async () => {
    await project.engine.write(table('bronze.other'), 'main', [{ id: 1 }])
    meanwhile(() => project.engine.write(table('bronze.other'), 'main', [{ id: 7 }]))
    const refers = { query: 'id IN (SELECT id FROM bronze.other) AND fails(0)' }
    const outcome = await project.run([
      ingested('bronze.a', {
        checks: [
          unique,
          checked(refers, { name: 'refers' }),
          checked({ rows: 'id IN (SELECT id FROM bronze.other) AND fails(0)' }, { name: 'scans' }),
          checked(refers, { name: 'only tells', blocking: false }),
        ],
      }),
      ingested('bronze.b', { checks: [unique] }),
    ])
    expect(outcome.status).toBe('succeeded')
    expect(checksOf(outcome).slice(5)).toEqual(['bronze.a refers passed', 'bronze.a scans passed'])
    // They run where both changes are.
    expect(project.engine.statements.at(-1)?.ref).toBe(outcome.branch)
    expect(await ids('bronze.other')).toEqual([7])
  })

  it('publishes a model of what changed, and the next plan makes it anew', async () => {
    const assets = [model('gold.m', [], { inputs: [table('bronze.other')] }), model('gold.x', [])]
    await project.engine.write(table('bronze.other'), 'main', [{ id: 1 }])
    meanwhile(() => project.engine.write(table('bronze.other'), 'main', [{ id: 7 }]))
    const outcome = await project.run(assets)
    expect(outcome.status).toBe('succeeded')
    expect(eventsOf('main-moved', outcome)).toMatchObject([{ changed: ['bronze.other'], stale: ['gold.m'] }])
    expect(await stale(assets)).toEqual([['gold.m', 'bronze.other changed']])
    expect(await project.run(assets)).toMatchObject({ status: 'succeeded', steps: 1 })
    expect(await stale(assets)).toEqual([])
  })

  it('is what makes a model anew whose table of origin got the rows of two runs', async () => {
    await project.run([appending(1)])
    meanwhile(() => project.run([appending(2)]))
    const assets = [appending(3), model('gold.m', ['bronze.a'])]
    const outcome = await project.run(assets)
    expect(outcome.status).toBe('succeeded')
    expect(eventsOf('main-moved', outcome)).toMatchObject([{ rebased: ['bronze.a'], stale: ['gold.m'] }])
    expect(await stale([model('gold.m', [], { inputs: [table('bronze.a')], sql: 'SELECT * FROM bronze.a' })])).toEqual([
      ['gold.m', 'bronze.a changed'],
    ])
  })

  it('is refused, by table and reason, when the changes do not go together, and leaves the branch as it was', async () => {
    await project.run([ingested('bronze.a')])
    meanwhile(() => project.engine.write(table('bronze.a'), 'main', [{ id: 7 }]))
    const outcome = await project.run([ingested('bronze.a', { load: () => [{ id: 8 }] })], { selection: ['bronze.a'] })
    expect(outcome).toMatchObject({
      status: 'failed',
      error: {
        code: 'PHLO_MERGE_CONFLICT',
        message: expect.stringMatching(/^main changed what the run changed, too, .*: bronze\.a \(.+\)$/),
        hint: 'Run again: it starts from the present main.',
      },
    })
    expect([await ids('bronze.a'), await ids('bronze.a', outcome.branch)]).toEqual([[7], [8]])
    expect(await project.branches()).toEqual([outcome.branch])
    expect(eventsOf('main-moved', outcome)).toEqual([])
  })

  it('gives up after ten audits when others always change the same table meanwhile', async () => {
    await project.run([appending(1)])
    let next = 100
    const catalog = withMethods(project.catalog, {
      merge: async (from, into, options) => {
        if (into === 'main')
          await project.engine.write(table('bronze.a'), 'main', [{ id: next++ }], {}, { append: true })
        return project.catalog.merge(from, into, options)
      },
    })
    const outcome = await project.run([appending(2)], {}, { catalog })
    expect(outcome).toMatchObject({
      status: 'failed',
      error: { code: 'PHLO_COMMIT_CONFLICT', message: 'main changed bronze.a again after each of 10 audits' },
    })
    expect(eventsOf('main-moved', outcome)).toHaveLength(10)
    expect(await ids('bronze.a')).not.toContain(2)
    // Replayed ten times, the run's rows are there once.
    expect((await ids('bronze.a', outcome.branch))?.filter((id) => id === 2)).toEqual([2])
  })

  it.each([['assignRef'], ['merge']] as const)('leaves main as it was when %s fails half-way', async (method) => {
    await project.run([appending(1)])
    meanwhile(() => project.run([appending(2)]))
    let broken = false
    const catalog = withMethods(project.catalog, {
      diff: (from, to) => {
        broken = true
        return project.catalog.diff(from, to)
      },
      [method]: (...args: never[]) => {
        if (broken) throw new PhloError('PHLO_STORAGE_FAILED', 'the store is away')
        return (project.catalog[method] as (...given: never[]) => unknown)(...args)
      },
    })
    const work = project.run([appending(3)], {}, { catalog })
    await expect(work).rejects.toMatchObject({ code: 'PHLO_STORAGE_FAILED' })
    expect(await ids('bronze.a')).toEqual([1, 2])
    // The next run goes on from there.
    expect(await project.run([appending(4)])).toMatchObject({ status: 'succeeded' })
    expect(await ids('bronze.a')).toEqual([1, 2, 4])
  })

  it('is cancelled while checks run again', async () => {
    await project.run([appending(1)])
    let head: string | undefined
    const controller = new AbortController()
    meanwhile(async () => {
      head = (await project.run([appending(2)])).publishedCommit
    })
    const catalog = withMethods(project.catalog, {
      assignRef: (...args) => {
        controller.abort()
        return project.catalog.assignRef(...args)
      },
    })
    const outcome = await project.run([appending(3)], { signal: controller.signal }, { catalog })
    expect(outcome).toMatchObject({ status: 'cancelled', error: { code: 'PHLO_RUN_CANCELLED' } })
    expect(await project.head()).toBe(head)
  })
})
