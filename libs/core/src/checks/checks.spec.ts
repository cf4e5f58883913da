import { beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type CheckKind, PhloError } from '@phlo/ports'
import { knownOutcomes } from '../testing/known-outcomes.js'
import { fakeKind } from '../testing/fake-engine.js'
import { checked, table, TestProject } from '../testing/test-project.js'
import { blocksPublishing, type CheckResult } from './check-result.js'
import { type CheckHistory, CheckRunner } from './check-runner.js'
import type { CheckTarget } from './prepared-check.js'
import { failedFraction, verdict } from './verdict.js'

describe('a verdict', () => {
  it.each(knownOutcomes.checks.map((item, index) => [index, item] as const))(
    'is that of the original system: %#',
    (_index, { failedCount, totalCount, passed, ...rest }) => {
      const finding = { passed: false, failedCount, totalCount }
      const given = 'allowThreshold' in rest ? { allowThreshold: rest.allowThreshold } : {}
      expect(verdict(finding, { severity: 'error', ...given }).status).toBe(passed ? 'passed' : 'failed')
      if ('fraction' in rest) expect(failedFraction(finding)).toBe(rest.fraction)
    },
  )

  it.each(knownOutcomes.severity.map((item) => [item.warnThreshold, item] as const))(
    'has the severity of the original system at a warning threshold of %d',
    (_threshold, { failedCount, totalCount, warnThreshold, severity }) => {
      expect(verdict({ passed: false, failedCount, totalCount }, { severity: 'error', warnThreshold })).toEqual({
        status: severity === 'warn' ? 'warned' : 'failed',
        severity,
      })
    },
  )

  it('never lets a failure of a table as a whole pass as a share of no rows', () => {
    const whole = { passed: false, failedCount: 0 }
    expect(verdict(whole, { severity: 'error', allowThreshold: 0.5 }).status).toBe('failed')
    expect(verdict({ ...whole, totalCount: 100 }, { severity: 'error', allowThreshold: 0.5 }).status).toBe('failed')
    expect(
      verdict({ passed: false, failedCount: 1, totalCount: 0 }, { severity: 'error', allowThreshold: 0.5 }).status,
    ).toBe('failed')
  })

  it('is graver the more rows fail, and blocks only as a failure of a check that blocks', () => {
    const rank = { passed: 0, warned: 1, failed: 2, errored: 3 }
    const share = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(fc.nat(100), fc.nat(100), share, share, (a, b, allowThreshold, warnThreshold) => {
        const status = (failedCount: number) =>
          verdict(
            { passed: failedCount === 0, failedCount, totalCount: 100 },
            { severity: 'error', allowThreshold, warnThreshold },
          ).status
        if (a <= b) expect(rank[status(a)]).toBeLessThanOrEqual(rank[status(b)])
      }),
    )
    expect(blocksPublishing({ status: 'failed', blocking: true })).toBe(true)
    expect(blocksPublishing({ status: 'errored', blocking: true })).toBe(true)
    expect(blocksPublishing({ status: 'warned', blocking: true })).toBe(false)
    expect(blocksPublishing({ status: 'failed', blocking: false })).toBe(false)
  })
})

describe('running checks', () => {
  let project: TestProject
  let runner: CheckRunner
  const target: CheckTarget = {
    asset: 'bronze.a',
    table: table('bronze.a'),
    columns: [
      { name: 'id', type: 'long' },
      { name: 'at', type: 'date' },
    ],
    ref: 'branch',
    snapshotId: '7',
    partitions: {
      column: 'at',
      intervals: [{ from: Date.UTC(2024, 5, 1), to: Date.UTC(2024, 5, 2) }],
      key: '2024-06-01',
    },
  }
  const inPartition = `("at" >= date '2024-06-01' AND "at" < date '2024-06-02')`
  const noHistory: CheckHistory = { earlier: async () => [] }
  beforeEach(async () => {
    project = await TestProject.open()
    runner = new CheckRunner(project.engine, [fakeKind], noHistory)
  })
  const statements = () => project.engine.statements.map(({ sql }) => sql)
  const summary = (results: readonly CheckResult[]) =>
    results.map(({ name, status, metadata }) => [name, status, metadata.failed_count])

  it('scans once for all that look at the same rows', async () => {
    const results = await runner.run(target, [
      checked({ rows: 'fails(0)' }, { name: 'a' }),
      checked({ aggregate: 5, atMost: 4 }, { name: 'b' }),
      checked({ rows: 'fails(0)' }, { name: 'c', scope: 'table' }),
      checked({ aggregate: 4, atMost: 4 }, { name: 'd' }),
      checked({ rows: 'fails(0) AND x' }, { name: 'e', scope: 'table' }),
    ])
    expect(statements()).toEqual([
      `SELECT count(*) AS "total", count(*) FILTER (WHERE ${inPartition}) AS "total_1", ` +
        `count(*) FILTER (WHERE (${inPartition}) AND (fails(0))) AS "c0_failed", ` +
        `value(5) FILTER (WHERE ${inPartition}) AS "c1_seen", count(*) FILTER (WHERE fails(0)) AS "c2_failed", ` +
        `value(4) FILTER (WHERE ${inPartition}) AS "c3_seen", count(*) FILTER (WHERE fails(0) AND x) AS "c4_failed" ` +
        'FROM bronze.a AS checked',
    ])
    expect(project.engine.statements.every(({ ref }) => ref === 'branch')).toBe(true)
    expect(summary(results)).toEqual([
      ['a', 'passed', 0],
      ['b', 'failed', 1],
      ['c', 'passed', 0],
      ['d', 'passed', 0],
      ['e', 'passed', 0],
    ])
  })

  it('shows at most twenty failing rows, and the SQL that shows them', async () => {
    const [many, few] = await runner.run(target, [
      checked({ rows: 'fails(30)' }, { name: 'many' }),
      checked({ query: 'fails(2)' }, { name: 'few', scope: 'table' }),
    ])
    expect(many).toMatchObject({
      asset: 'bronze.a',
      status: 'failed',
      severity: 'error',
      blocking: true,
      metadata: {
        source: 'phlo',
        partition_key: '2024-06-01',
        failed_count: 30,
        total_count: 10,
        query_or_sql: `SELECT * FROM (SELECT * FROM bronze.a WHERE ${inPartition}) WHERE fails(30)`,
        repro_sql: `SELECT * FROM (SELECT * FROM bronze.a WHERE ${inPartition}) WHERE fails(30) LIMIT 20`,
      },
    })
    expect(many?.metadata.sample).toHaveLength(20)
    expect(few?.metadata).toEqual({
      source: 'phlo',
      failed_count: 2,
      total_count: 10,
      query_or_sql: 'SELECT * FROM bronze.a AS t WHERE fails(2)',
      repro_sql: 'SELECT * FROM bronze.a AS t WHERE fails(2) LIMIT 20',
      sample: [{ id: 0 }, { id: 1 }],
    })
  })

  it('fails only the faulty one of several that share a scan', async () => {
    const results = await runner.run(target, [
      checked({ rows: 'fails(1)' }, { name: 'a' }),
      checked({ rows: 'broken()' }, { name: 'b' }),
      checked({ throws: 'no such property' }, { name: 'c' }),
      checked({ aggregate: 1, atMost: 2 }, { name: 'd' }),
    ])
    expect(summary(results)).toEqual([
      ['a', 'failed', 1],
      ['b', 'errored', 0],
      ['c', 'errored', 0],
      ['d', 'passed', 0],
    ])
    expect(results[1]?.error).toEqual({ code: 'PHLO_SQL_INVALID', message: 'broken() is no SQL' })
    expect(results[2]?.error).toEqual({ code: 'PHLO_INTERNAL', message: 'no such property' })
  })

  it('tells which further tables were read', async () => {
    const read: string[] = []
    await runner.run({ ...target, onRead: (name) => read.push(name) }, [
      checked({ rows: 'id IN (SELECT id FROM silver.x)' }, { name: 'a' }),
      checked({ query: 'id IN (SELECT id FROM silver.y)' }, { name: 'b' }),
    ])
    expect([...new Set(read)].sort()).toEqual(['bronze.a', 'silver.x', 'silver.y'])
  })

  const location = { file: 'workflows/a.ts', line: 7 }
  it.each([
    [
      'a kind that is not there',
      checked({}, { kind: 'fak', location }),
      'There is no kind of check named "fak"',
      'Did you mean fake? Kinds: fake.',
    ],
    [
      'a column that is not there',
      checked({ rows: 'x', column: 'idd' }, { location }),
      'bronze.a has no column "idd"',
      'Did you mean id?',
    ],
    [
      'wrong options',
      checked(7, { location }),
      'The check check is declared wrongly: rows: must be an object',
      undefined,
    ],
  ])('fails %s before anything is asked of the engine', async (_name, check, message, hint) => {
    const [result] = await runner.run(target, [check])
    expect(result).toMatchObject({ status: 'errored', severity: 'error', metadata: { failed_count: 0 } })
    expect(result?.error).toEqual({
      code: 'PHLO_CHECK_INVALID',
      message,
      location,
      ...(hint !== undefined && { hint }),
    })
    expect(statements()).toEqual([])
  })

  it('fails a check whose kind cannot even describe it', async () => {
    const mute: CheckKind = {
      ...fakeKind,
      describe: () => {
        throw new Error('no words')
      },
    }
    const [result] = await new CheckRunner(project.engine, [mute], noHistory).run(target, [
      checked({ rows: 'broken()' }),
    ])
    expect(result).toMatchObject({ status: 'errored', description: 'fake', error: { code: 'PHLO_SQL_INVALID' } })
  })

  it('stops when the run is cancelled', async () => {
    const controller = new AbortController()
    controller.abort(new PhloError('PHLO_RUN_CANCELLED', 'enough'))
    await expect(runner.run(target, [checked({ rows: 'fails(0)' })], controller.signal)).rejects.toMatchObject({
      code: 'PHLO_RUN_CANCELLED',
    })
  })
})
