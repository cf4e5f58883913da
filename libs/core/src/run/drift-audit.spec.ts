import { beforeEach, describe, expect, it } from '@jest/globals'
import type { CheckKind, CheckMetrics } from '@phlo/ports'
import type { CheckResult } from '../checks/check-result.js'
import { checked, ingested, TestProject, withMethods } from '../testing/test-project.js'
import { fakeKind } from '../testing/fake-engine.js'

let project: TestProject
/** What was handed to the judge each time. */
let seen: (readonly CheckMetrics[])[]
let kind: CheckKind
let value: number
beforeEach(async () => {
  project = await TestProject.open()
  seen = []
  value = 0
  kind = {
    ...fakeKind,
    kind: 'watch',
    compile: () => ({
      type: 'aggregates',
      select: { seen: `value(${++value})` },
      history: 3,
      judge: (values, history) => {
        seen.push(history)
        const metrics = { seen: Number(values['seen']) }
        return { passed: history.length < 2, failedCount: history.length < 2 ? 0 : 1, metrics }
      },
    }),
  }
})

const watch = (given: Parameters<typeof checked>[1] = {}) =>
  checked({}, { kind: 'watch', name: 'watch', layer: 'drift', ...given })
const run = (check = watch(), rows = [{ id: 1 }]) =>
  project.run(
    [ingested('bronze.a', { checks: [check], load: () => rows })],
    { force: true },
    { checkKinds: [kind, fakeKind] },
  )

describe('checks of what was published', () => {
  it('run on main behind the commit, and hold it against earlier states, the newest first', async () => {
    const outcomes = [await run(), await run(), await run(), await run(), await run()]
    expect(outcomes.map(({ status }) => status)).toEqual(Array(5).fill('succeeded'))
    expect(outcomes.map(({ failedChecks }) => failedChecks)).toEqual([0, 0, 1, 1, 1])
    expect(seen).toEqual([
      [],
      [{ seen: 1 }],
      [{ seen: 2 }, { seen: 1 }],
      [{ seen: 3 }, { seen: 2 }, { seen: 1 }],
      [{ seen: 4 }, { seen: 3 }, { seen: 2 }],
    ])
    expect(project.heard().slice(-3)).toEqual(['published', 'check-finished', 'run-finished'])
    expect(project.engine.statements.at(-1)?.ref).toBe(outcomes[4]?.publishedCommit)
    expect((await project.state.listChecks({ check: 'watch', limit: 1 }))[0]).toMatchObject({
      runId: outcomes[4]?.runId,
      asset: 'bronze.a',
      published: true,
      ref: outcomes[4]?.publishedCommit,
      status: 'failed',
      result: { layer: 'drift', metrics: { seen: 5 } },
    })
  })

  it('do not count what was not published', async () => {
    const bad = watch({ layer: 'table' })
    await run(bad)
    await run(bad)
    expect((await run(bad)).status).toBe('failed')
    expect((await run(bad)).status).toBe('failed')
    expect(seen.at(-1)).toEqual([{ seen: 2 }, { seen: 1 }])
    const kept = await project.state.listChecks({ check: 'watch' })
    expect(kept.map(({ published, status }) => [published, status])).toEqual([
      [false, 'failed'],
      [false, 'failed'],
      [true, 'passed'],
      [true, 'passed'],
    ])
  })

  it('are looked at per partition where they look at partitions', async () => {
    const partitions = { column: 'at', unit: 'day', start: Date.UTC(2024, 5, 1) } as const
    const day = (key: string) =>
      project.run(
        [ingested('bronze.a', { partitions, checks: [watch()], load: () => [{ id: 1 }] })],
        { partition: key, force: true },
        { checkKinds: [kind, fakeKind] },
      )
    for (const key of ['2024-06-01', '2024-06-02', '2024-06-02', '2024-06-01']) await day(key)
    expect(seen).toEqual([[], [{ seen: 1 }], [{ seen: 1 }], [{ seen: 3 }]])
  })

  it('leave published what they cannot look at, and say so', async () => {
    const outcome = await project.run(
      [ingested('bronze.a', { checks: [watch(), checked({ rows: 'broken()' }, { name: 'b', layer: 'drift' })] })],
      {},
      {
        checkKinds: [kind, fakeKind],
        catalog: withMethods(project.catalog, {
          loadTable: async (identifier, options) => {
            if (!options?.ref?.startsWith('pipeline-run') && options?.ref !== 'main') throw new Error('gone')
            return project.catalog.loadTable(identifier, options)
          },
        }),
      },
    )
    expect(outcome).toMatchObject({ status: 'succeeded', checks: 3, failedChecks: 2 })
    const results = project.events
      .filter(({ type }) => type === 'check-finished')
      .map(({ data }) => (data as { check: CheckResult }).check)
    expect(results.map(({ name, status }) => [name, status])).toEqual([
      ['pandera_contract', 'passed'],
      ['watch', 'errored'],
      ['b', 'errored'],
    ])
  })
})
