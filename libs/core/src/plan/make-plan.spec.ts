import { beforeEach, describe, expect, it } from '@jest/globals'
import type { Source } from '@phlo/ports'
import type { Asset, IngestionAsset } from '../assets/asset.js'
import { AssetGraph } from '../assets/asset-graph.js'
import { IntervalSet } from '../partitions/interval-set.js'
import { ingested, model, table, TestProject } from '../testing/test-project.js'
import { assetStateProperties, readAssetState, rowCount, snapshotIdOf } from './asset-state.js'
import { makePlan, type PlanRequest } from './make-plan.js'

const now = new Date('2024-06-11T12:00:00Z')
const day = (text: string) => Date.parse(`${text}T00:00:00Z`)

let project: TestProject
let version: string | undefined
const source: Source = { kind: 'files', read: async () => ({ inputs: [] }), version: async () => version }
beforeEach(async () => {
  project = await TestProject.open()
  version = 'v1'
})

async function plan(assets: readonly Asset[], request: PlanRequest = {}) {
  const { steps, fresh } = await makePlan(
    { graph: new AssetGraph(assets), catalog: project.catalog, sources: [source], projectDir: '/project', now },
    request,
  )
  return {
    steps: steps.map(({ asset, reason, partition }) => [asset, reason, ...(partition ? [partition] : [])]),
    fresh,
  }
}

const files = (key: string, given: Partial<IngestionAsset> = {}) =>
  ingested(key, { source: { kind: 'static', spec: { kind: 'files', options: {} } }, ...given })

const daily = (given: Partial<IngestionAsset> = {}) =>
  ingested('bronze.a', { partitions: { unit: 'day', column: 'at', start: day('2024-06-01') }, ...given })

const took = (from: string, to: string, codeVersion = '1') =>
  project.engine.write(
    table('bronze.a'),
    'main',
    [],
    assetStateProperties({ codeVersion, materialized: new IntervalSet([{ from: day(from), to: day(to) }]) }),
  )

describe('a plan', () => {
  it('makes what is new, and everything made of it', async () => {
    expect(await plan([files('bronze.a'), model('gold.m', ['bronze.a'])])).toEqual({
      steps: [
        ['bronze.a', 'new'],
        ['gold.m', 'new'],
      ],
      fresh: [],
    })
  })

  it('leaves alone what is as it should be', async () => {
    const assets = [files('bronze.a'), model('gold.m', ['bronze.a'])]
    await project.run(assets, {}, { sources: [source] })
    expect(await plan(assets)).toEqual({ steps: [], fresh: ['bronze.a', 'gold.m'] })
  })

  it('says why it runs something: code, source, upstream, input', async () => {
    const assets = [files('bronze.a'), model('silver.m', ['bronze.a']), model('gold.m', ['silver.m'])]
    await project.run(assets, {}, { sources: [source] })
    const changed = [files('bronze.a'), model('silver.m', ['bronze.a'], { codeVersion: '2' }), assets[2]!]
    expect((await plan(changed)).steps).toEqual([
      ['silver.m', 'its code changed'],
      ['gold.m', 'silver.m runs'],
    ])
    version = 'v2'
    expect((await plan(assets)).steps).toEqual([
      ['bronze.a', 'its source changed'],
      ['silver.m', 'bronze.a runs'],
      ['gold.m', 'silver.m runs'],
    ])
    version = undefined
    expect((await plan(assets)).steps[0]).toEqual(['bronze.a', 'its source cannot tell whether it changed'])
    version = 'v1'
    await project.engine.write(table('silver.m'), 'main', [])
    expect((await plan([...assets])).steps).toContainEqual(['gold.m', 'silver.m changed'])
  })

  it('runs nothing of the user’s to find out', async () => {
    const load = () => {
      throw new Error('ran')
    }
    await project.engine.write(table('bronze.a'), 'main', [], { 'phlo.code-version': '1' })
    expect((await plan([ingested('bronze.a', { load })])).steps).toEqual([
      ['bronze.a', 'its source cannot tell whether it changed'],
    ])
  })

  it('runs what is named although it is fresh, and everything when forced', async () => {
    const assets = [files('bronze.a'), model('gold.m', ['bronze.a']), files('bronze.b')]
    await project.run(assets, {}, { sources: [source] })
    expect(await plan(assets, { selection: ['gold.m'] })).toEqual({ steps: [['gold.m', 'asked for']], fresh: [] })
    expect((await plan(assets, { force: true })).steps).toEqual([
      ['bronze.a', 'asked for'],
      ['gold.m', 'bronze.a runs'],
      ['bronze.b', 'asked for'],
    ])
  })

  it('takes in the partitions that are missing, as few ranges as can be, and only whole ones', async () => {
    expect((await plan([daily()])).steps).toEqual([['bronze.a', '10 days new', '2024-06-01..2024-06-10']])
    await took('2024-06-03', '2024-06-05')
    expect((await plan([daily()])).steps).toEqual([
      ['bronze.a', '2 days missing', '2024-06-01..2024-06-02'],
      ['bronze.a', '6 days missing', '2024-06-05..2024-06-10'],
    ])
    await took('2024-06-01', '2024-06-10')
    expect((await plan([daily()])).steps).toEqual([['bronze.a', '1 day missing', '2024-06-10']])
    await took('2024-06-01', '2024-06-11')
    expect(await plan([daily()])).toEqual({ steps: [], fresh: ['bronze.a'] })
  })

  it('takes all partitions in again when the code changed or it is forced, and those that are asked for', async () => {
    await took('2024-06-01', '2024-06-11')
    expect((await plan([daily({ codeVersion: '2' })])).steps).toEqual([
      ['bronze.a', '10 days its code changed', '2024-06-01..2024-06-10'],
    ])
    expect((await plan([daily()], { force: true })).steps).toEqual([
      ['bronze.a', '10 days forced', '2024-06-01..2024-06-10'],
    ])
    expect((await plan([daily()], { partition: '2024-06-04' })).steps).toEqual([
      ['bronze.a', '1 day asked for', '2024-06-04'],
    ])
    expect((await plan([daily()], { from: '2024-06-09' })).steps).toEqual([
      ['bronze.a', '2 days asked for', '2024-06-09..2024-06-10'],
    ])
    await expect(plan([daily()], { partition: '2023-06-04' })).rejects.toMatchObject({ code: 'PHLO_PARTITION_INVALID' })
  })

  it('remembers which partitions a run took in, across runs and changes of code', async () => {
    const asset = daily({ partitions: { unit: 'day', column: 'at', start: day('2024-06-01'), end: day('2024-06-11') } })
    const state = async () => readAssetState(await project.catalog.loadTable(table('bronze.a'))).materialized.toString()
    await project.run([asset], { partition: '2024-06-02' })
    await project.run([asset], { from: '2024-06-05', to: '2024-06-06' })
    expect(await state()).toBe(
      '2024-06-02T00:00:00.000Z/2024-06-03T00:00:00.000Z,2024-06-05T00:00:00.000Z/2024-06-07T00:00:00.000Z',
    )
    await project.run([{ ...asset, codeVersion: '2' }], { partition: '2024-06-02' })
    expect(await state()).toBe('2024-06-02T00:00:00.000Z/2024-06-03T00:00:00.000Z')
    await project.run([{ ...asset, codeVersion: '2' }])
    expect(await state()).toBe('2024-06-01T00:00:00.000Z/2024-06-11T00:00:00.000Z')
    expect(project.engine.ingested.at(-1)?.interval).toEqual({
      column: 'at',
      from: '2024-06-03T00:00:00.000Z',
      to: '2024-06-11T00:00:00.000Z',
    })
  })

  it('takes all partitions in again when their source changed, and remembers which it did from the new one', async () => {
    const asset = files('bronze.a', {
      partitions: { unit: 'day', column: 'at', start: day('2024-06-01'), end: day('2024-06-11') },
    })
    await project.run([asset], {}, { sources: [source] })
    expect(await plan([asset])).toEqual({ steps: [], fresh: ['bronze.a'] })
    version = 'v2'
    expect((await plan([asset])).steps).toEqual([['bronze.a', '10 days its source changed', '2024-06-01..2024-06-10']])
    await project.run([asset], { partition: '2024-06-01' }, { sources: [source] })
    expect((await plan([asset])).steps).toEqual([['bronze.a', '9 days missing', '2024-06-02..2024-06-10']])
  })

  it('asks for nothing that no asset is', async () => {
    await expect(plan([files('bronze.a')], { selection: ['bronze.b'] })).rejects.toMatchObject({
      code: 'PHLO_ASSET_UNKNOWN',
      hint: 'Did you mean bronze.a?',
    })
  })
})

describe('what a table says of how it was made', () => {
  it('is read as it was written', async () => {
    const state = {
      codeVersion: 'abc',
      materialized: new IntervalSet([{ from: day('2024-06-01'), to: day('2024-06-02') }]),
      sourceVersion: 'v1',
      cursor: { offset: 7, at: '2024' },
      inputs: { 'a.b': '1', 'a.c': 'none' },
    }
    const rows = [{ id: 1 }, { id: 2 }]
    const snapshotId = await project.engine.write(table('a.t'), 'main', rows, assetStateProperties(state))
    const loaded = await project.catalog.loadTable(table('a.t'))
    expect(readAssetState(loaded)).toEqual(state)
    expect(rowCount(loaded)).toBe(2)
    expect(snapshotIdOf(loaded)).toBe(String(snapshotId))
  })

  it('is nothing for a table that is not there, or that others wrote', async () => {
    const nothing = {
      codeVersion: undefined,
      materialized: new IntervalSet(),
      sourceVersion: undefined,
      cursor: undefined,
      inputs: {},
    }
    expect(readAssetState(undefined)).toEqual(nothing)
    expect(snapshotIdOf(undefined)).toBe('none')
    expect(rowCount(undefined)).toBeUndefined()
    await project.engine.write(table('a.t'), 'main', [], { 'phlo.cursor': '{', 'phlo.inputs': 'x' })
    expect(readAssetState(await project.catalog.loadTable(table('a.t')))).toEqual(nothing)
  })
})
