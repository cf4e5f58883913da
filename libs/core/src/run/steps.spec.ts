import { beforeEach, describe, expect, it } from '@jest/globals'
import type { RunRecord } from '@phlo/ports'
import type { LoadContext } from '../assets/asset.js'
import { snapshotIdOf } from '../plan/asset-state.js'
import { checked, ingested, model, table, TestProject } from '../testing/test-project.js'
import { Heartbeat } from './heartbeat.js'
import { instantText } from './partition-filter.js'
import { newRunId, runIdPattern, runStart } from './run-id.js'

let project: TestProject
beforeEach(async () => {
  project = await TestProject.open()
})

const partitions = { unit: 'day', column: 'at', start: Date.UTC(2024, 5, 1), end: Date.UTC(2024, 5, 11) } as const

describe('a step that takes partitions in', () => {
  it('tells the asset’s function which, and the engine what to replace and how to lay it out', async () => {
    const seen: unknown[] = []
    const load = ({ partition, run }: LoadContext) => {
      seen.push(partition, run.ref)
      return []
    }
    const asset = ingested('bronze.a', {
      partitions,
      strategy: { kind: 'append' },
      partitionBy: [{ column: 'id', transform: 'bucket[16]' }],
      source: { kind: 'function', load },
    })
    const outcome = await project.run([asset], { from: '2024-06-02', to: '2024-06-03' })
    expect(seen).toEqual([
      { key: '2024-06-02..2024-06-03', start: '2024-06-02T00:00:00.000Z', end: '2024-06-04T00:00:00.000Z' },
      outcome.branch,
    ])
    expect(project.engine.ingested[0]).toMatchObject({
      target: table('bronze.a'),
      quarantine: table('quarantine.bronze_a'),
      ref: outcome.branch,
      // Appending to a partition twice would double it.
      strategy: { kind: 'overwrite' },
      interval: { column: 'at', from: '2024-06-02T00:00:00.000Z', to: '2024-06-04T00:00:00.000Z' },
      partitioning: [
        { column: 'at', transform: 'day' },
        { column: 'id', transform: 'bucket[16]' },
      ],
      runId: outcome.runId,
      summary: { 'phlo.run-id': outcome.runId, 'phlo.partition': '2024-06-02..2024-06-03' },
      message: 'Ingest bronze.a 2024-06-02..2024-06-03',
    })
  })

  it('keeps to appending where there are no partitions', async () => {
    await project.run([ingested('bronze.a', { strategy: { kind: 'append' } })])
    expect(project.engine.ingested[0]?.strategy).toEqual({ kind: 'append' })
  })

  it('is checked over its own partitions, and as a whole where a check wants that', async () => {
    await project.run([ingested('bronze.a', { partitions })], { from: '2024-06-04', to: '2024-06-05' })
    project.engine.statements.splice(0)
    project.events.splice(0)
    // What is missing now is before and behind that.
    const checks = [
      checked({ rows: 'fails(0)' }, { name: 'own' }),
      checked({ rows: 'fails(0)' }, { name: 'whole', scope: 'table' }),
    ]
    await project.run([ingested('bronze.a', { partitions, checks })])
    const day = (text: string) => `timestamptz '${text}T00:00:00.000Z'`
    const own =
      `("at" >= ${day('2024-06-01')} AND "at" < ${day('2024-06-04')} ` +
      `OR "at" >= ${day('2024-06-06')} AND "at" < ${day('2024-06-11')})`
    expect(project.engine.statements.map(({ sql }) => sql)).toEqual([
      `SELECT count(*) AS "total", count(*) FILTER (WHERE ${own}) AS "total_1", ` +
        `count(*) FILTER (WHERE (${own}) AND (fails(0))) AS "c0_failed", ` +
        'count(*) FILTER (WHERE fails(0)) AS "c1_failed" FROM bronze.a AS checked',
    ])
    const keys = project.events
      .filter(({ type }) => type === 'check-finished')
      .map(({ data }) => (data as { check: { name: string; metadata: { partition_key?: string } } }).check)
      .map(({ name, metadata }) => [name, metadata.partition_key])
    expect(keys).toEqual([
      ['pandera_contract', '2024-06-01..2024-06-03'],
      ['pandera_contract', '2024-06-06..2024-06-10'],
      ['own', '2024-06-01..2024-06-03,2024-06-06..2024-06-10'],
      ['whole', undefined],
    ])
  })

  it('writes instants as the column’s type has them', () => {
    const time = Date.UTC(2024, 5, 1, 5)
    expect(['date', 'timestamp', 'timestamptz'].map((type) => instantText(time, type))).toEqual([
      '2024-06-01',
      '2024-06-01T05:00:00.000',
      '2024-06-01T05:00:00.000Z',
    ])
  })
})

describe('a step whose function asks for rows', () => {
  it('reads at the run’s branch, and main must not change what it read', async () => {
    await project.engine.write(table('bronze.other'), 'main', [])
    project.engine.beforeWrite = async () => {
      project.engine.beforeWrite = () => undefined
      await project.engine.write(table('bronze.other'), 'main', [{ id: 7 }])
    }
    const load = async ({ query }: LoadContext) => query('SELECT * FROM bronze.other WHERE fails(2)')
    const outcome = await project.run([ingested('bronze.a', { source: { kind: 'function', load } })])
    expect(project.engine.statements[0]).toEqual({
      sql: 'SELECT * FROM bronze.other WHERE fails(2)',
      ref: outcome.branch,
    })
    expect(await project.engine.rows('bronze.a', outcome.branch)).toEqual([{ id: 0 }, { id: 1 }])
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'PHLO_MERGE_CONFLICT' } })
  })

  it('fails with the engine’s own words', async () => {
    const load = async ({ query }: LoadContext) => query('SELECT broken()')
    const outcome = await project.run([ingested('bronze.a', { source: { kind: 'function', load } })])
    expect(outcome.error).toMatchObject({
      code: 'PHLO_SOURCE_FAILED',
      message: 'The function of bronze.a failed: broken() is no SQL',
    })
  })
})

describe('rejected rows', () => {
  it('are shown in the schema’s own check, with the SQL that finds them', async () => {
    await project.run([ingested('bronze.a', { load: () => [{ id: 1 }, { bad: true }] })])
    expect(project.events.find(({ type }) => type === 'check-finished')?.data).toEqual({
      check: {
        asset: 'bronze.a',
        name: 'pandera_contract',
        layer: 'rows',
        kind: 'schema',
        description: 'every row meets the schema (2 columns)',
        status: 'warned',
        severity: 'warn',
        blocking: true,
        observed: '1 row in quarantine (bad: 1)',
        metadata: {
          source: 'phlo',
          failed_count: 1,
          total_count: 2,
          query_or_sql: 'SELECT * FROM quarantine.bronze_a WHERE fails(1)',
          repro_sql: 'SELECT * FROM quarantine.bronze_a WHERE fails(1)',
          sample: [{ id: 0 }],
        },
      },
    })
  })
})

describe('a step that makes a model', () => {
  it('remembers which snapshots it read', async () => {
    await project.run([
      ingested('bronze.a'),
      model('gold.m', ['bronze.a'], { inputs: [table('bronze.a'), table('raw.none')] }),
    ])
    const id = snapshotIdOf(await project.catalog.loadTable(table('bronze.a')))
    expect(project.engine.materialized[0]).toMatchObject({
      target: table('gold.m'),
      strategy: 'replace',
      properties: { 'phlo.code-version': '1', 'phlo.inputs': `{"bronze.a":"${id}","raw.none":"none"}` },
    })
  })
})

describe('a run’s id', () => {
  it('sorts by start, and tells it', () => {
    const starts = ['2024-06-01T05:06:07Z', '2024-06-01T05:06:08Z', '2024-12-31T00:00:00Z'].map(
      (text) => new Date(text),
    )
    const ids = starts.map((start) => newRunId(start))
    expect([...ids].sort()).toEqual(ids)
    expect(ids.map(runStart)).toEqual(starts.map((start) => start.getTime()))
    expect(ids.every((id) => new RegExp(`^${runIdPattern}$`).test(id))).toBe(true)
    expect(newRunId(starts[0])).not.toBe(newRunId(starts[0]))
  })
})

describe('a heartbeat', () => {
  it('is over when it was stopped, even if a beat takes long', async () => {
    const order: string[] = []
    let begun: (() => void) | undefined
    const beating = new Promise<void>((resolve) => (begun = resolve))
    const heartbeat = new Heartbeat(async () => {
      order.push('beat')
      begun?.()
      await new Promise((resolve) => setTimeout(resolve, 30))
      order.push('beaten')
    }, 1)
    await beating
    await heartbeat.stop()
    order.push('stopped')
    await new Promise((resolve) => setTimeout(resolve, 40))
    expect(order.at(-1)).toBe('stopped')
    expect(order.filter((word) => word === 'beat')).toHaveLength(order.filter((word) => word === 'beaten').length)
  })

  it('goes on after a beat that failed', async () => {
    let beats = 0
    await new Promise<void>((resolve) => {
      const heartbeat = new Heartbeat(async () => {
        if (++beats === 3) resolve(heartbeat.stop())
        throw new Error('the store is away')
      }, 1)
    })
    expect(beats).toBe(3)
  })

  it('never says that an ended run still lives', async () => {
    const records: RunRecord['status'][] = []
    const put = project.state.putRun.bind(project.state)
    project.state.putRun = async (run) => {
      records.push(run.status)
      await put(run)
    }
    await project.run([model('gold.m', [])])
    expect(records).toEqual(['running', 'succeeded'])
  })
})
