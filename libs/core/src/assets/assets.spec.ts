import { nearest } from '@phlo/ports'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { TransformModel } from '@phlo/ports'
import { ingested, model, table } from '../testing/test-project.js'
import { quarantineOf } from './asset.js'
import { AssetGraph } from './asset-graph.js'
import { modelAssets } from './model-assets.js'
import { selectAssets } from './selection.js'

const assets = [
  ingested('bronze.flights', { group: 'ops', tags: ['raw', 'daily'] }),
  ingested('bronze.airports', { group: 'ops' }),
  model('silver.flights', ['bronze.flights'], { tags: ['daily'] }),
  model('gold.routes', ['silver.flights', 'bronze.airports'], { group: 'marts' }),
  model('gold.delays', ['silver.flights']),
]
const graph = new AssetGraph(assets)
const select = (...selectors: string[]) => selectAssets(graph, selectors).map(({ key }) => key)

describe('the graph of assets', () => {
  it('has each asset behind what it is made of, whatever the order of declaration', () => {
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `n.${name}`)
    const edges = fc.uniqueArray(fc.tuple(fc.nat(5), fc.nat(5)), { maxLength: 12, selector: String })
    fc.assert(
      fc.property(edges, fc.shuffledSubarray(keys, { minLength: 6 }), (pairs, order) => {
        const upstream = (index: number) =>
          pairs.filter(([to, from]) => to === index && from < to).map(([, from]) => keys[from]!)
        const made = order.map((key) => model(key, upstream(keys.indexOf(key))))
        const sorted = new AssetGraph(made).assets.map(({ key }) => key)
        expect([...sorted].sort()).toEqual(keys)
        for (const { key, upstream: parents } of made) {
          for (const parent of parents) expect(sorted.indexOf(parent)).toBeLessThan(sorted.indexOf(key))
        }
      }),
    )
  })

  it('knows what comes before and behind an asset', () => {
    expect([...graph.ancestors('gold.routes')].sort()).toEqual([
      'bronze.airports',
      'bronze.flights',
      'gold.routes',
      'silver.flights',
    ])
    expect([...graph.descendants('bronze.flights')].sort()).toEqual([
      'bronze.flights',
      'gold.delays',
      'gold.routes',
      'silver.flights',
    ])
    expect(graph.downstream('bronze.airports')).toEqual(['gold.routes'])
    expect(graph.get('gold.none')).toBeUndefined()
  })

  const location = { file: 'workflows/a.ts', line: 3 }

  it('refuses two assets of one table, and points to both', () => {
    expect(
      () => new AssetGraph([ingested('a.t', { location: { file: 'b.ts' } }), ingested('a.t', { location })]),
    ).toThrow(
      expect.objectContaining({
        code: 'PHLO_ASSET_DUPLICATE',
        message: 'Two assets write the table a.t',
        hint: 'The other is declared at b.ts:1.',
        location,
      }),
    )
  })

  it.each([
    ['bronze.flihgts', 'Did you mean bronze.flights?'],
    ['airports', 'Did you mean bronze.airports?'],
    ['somewhere.else', 'Declare it, or take it out.'],
  ])('refuses an asset that is made of %s, which is none', (key, hint) => {
    expect(() => new AssetGraph([...assets, model('gold.x', [], { upstream: [key], location })])).toThrow(
      expect.objectContaining({
        code: 'PHLO_ASSET_UNKNOWN',
        message: `gold.x is made of ${key}, which is no asset`,
        hint,
        location,
      }),
    )
  })

  it('refuses circles, and names who is in them', () => {
    const circle = [model('n.a', []), model('n.b', ['n.a', 'n.d']), model('n.c', ['n.b']), model('n.d', ['n.c'])]
    expect(() => new AssetGraph(circle)).toThrow(
      expect.objectContaining({
        code: 'PHLO_ASSET_CYCLE',
        message: 'Assets are made of each other in a circle: n.b → n.d → n.c → n.b',
      }),
    )
    expect(() => new AssetGraph([model('n.a', ['n.a'])])).toThrow('circle: n.a → n.a')
  })
})

describe('a selection', () => {
  it.each<[string[], string[]]>([
    [[], ['bronze.flights', 'bronze.airports', 'silver.flights', 'gold.routes', 'gold.delays']],
    [['gold.routes'], ['gold.routes']],
    [['routes'], ['gold.routes']],
    [['flights'], ['bronze.flights', 'silver.flights']],
    [['+routes'], ['bronze.flights', 'bronze.airports', 'silver.flights', 'gold.routes']],
    [['bronze.flights+'], ['bronze.flights', 'silver.flights', 'gold.routes', 'gold.delays']],
    [['+silver.flights+'], ['bronze.flights', 'silver.flights', 'gold.routes', 'gold.delays']],
    [['group:ops'], ['bronze.flights', 'bronze.airports']],
    [['tag:daily'], ['bronze.flights', 'silver.flights']],
    [['tag:raw+'], ['bronze.flights', 'silver.flights', 'gold.routes', 'gold.delays']],
    [
      ['delays', 'airports', 'delays'],
      ['bronze.airports', 'gold.delays'],
    ],
  ])('of %j is %j', (selectors, expected) => {
    expect(select(...selectors)).toEqual(expected)
  })

  it.each([
    ['gold.route', 'Did you mean gold.routes?'],
    ['+delayz', 'Did you mean delays?'],
    ['group:opps', 'Did you mean group:ops?'],
    ['tag:dayly+', 'Did you mean tag:daily?'],
    ['group:xy', 'Assets: bronze.flights, bronze.airports, silver.flights, gold.routes, gold.delays'],
    ['whatever', 'Assets: bronze.flights, bronze.airports, silver.flights, gold.routes, gold.delays'],
    ['', 'Assets: bronze.flights, bronze.airports, silver.flights, gold.routes, gold.delays'],
    ['+', 'Assets: bronze.flights, bronze.airports, silver.flights, gold.routes, gold.delays'],
  ])('of %j is nothing, and that is an error', (selector, hint) => {
    expect(() => select(selector)).toThrow(
      expect.objectContaining({
        code: 'PHLO_ASSET_UNKNOWN',
        message: `No asset is selected by ${JSON.stringify(selector)}`,
        hint,
      }),
    )
  })
})

describe('the nearest name', () => {
  it.each<[string, string[], string | undefined]>([
    ['storag', ['state', 'storage'], 'storage'],
    ['ENGINE', ['engine', 'catalog'], 'engine'],
    ['duckbd', ['trino', 'duckdb'], 'duckdb'],
    ['x', ['ab', 'cd'], undefined],
    ['abc', [], undefined],
    ['nightscout', ['postgres'], undefined],
  ])('to %s among %j is %s', (text, candidates, expected) => {
    expect(nearest(text, candidates)).toBe(expected)
  })

  it('is the name itself when it is there', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1 }), fc.nat(), (names, pick) => {
        const name = names[pick % names.length]!
        expect(nearest(name, names)).toBe(name)
      }),
    )
  })
})

describe('models as assets', () => {
  const transform: TransformModel = {
    target: table('gold.routes'),
    name: 'routes',
    inputs: [table('bronze.flights'), table('silver.stops'), table('elsewhere.raw')],
    columnDocs: { origin: 'Where it starts' },
    partitionBy: ['region'],
    tags: ['mart'],
    tests: [
      {
        kind: 'null',
        options: { columns: ['origin'] },
        name: 'dbt__not_null__routes',
        severity: 'warn',
        location: { file: 'schema.yml', line: 4 },
      },
    ],
    sql: 'SELECT 1',
    location: { file: 'routes.sql', line: 1 },
  }
  const stops: TransformModel = { ...transform, target: table('silver.stops'), name: 'stops', inputs: [], tests: [] }

  it('are made of the models and other assets that they read; other tables are only inputs', () => {
    const [routes] = modelAssets([transform, stops], ['bronze.flights'])
    expect(routes).toMatchObject({
      kind: 'model',
      key: 'gold.routes',
      upstream: ['bronze.flights', 'silver.stops'],
      inputs: transform.inputs,
      checks: [{ name: 'dbt__not_null__routes', severity: 'warn', blocking: true, scope: 'table', source: 'dbt' }],
    })
  })

  it('have another code version when their SQL or partitioning changes, and only then', () => {
    const version = (given: Partial<TransformModel>) => modelAssets([{ ...transform, ...given }], [])[0]?.codeVersion
    expect(version({ description: 'new words' })).toBe(version({}))
    expect(new Set([version({}), version({ sql: 'SELECT 2' }), version({ partitionBy: [] })]).size).toBe(3)
  })
})

describe('the quarantine of a table', () => {
  it('has a name of its own for every table', () => {
    expect(quarantineOf(table('bronze.flights'))).toEqual(table('quarantine.bronze_flights'))
    expect(quarantineOf(table('a.b.c'))).toEqual(table('quarantine.a_b_c'))
  })
})
