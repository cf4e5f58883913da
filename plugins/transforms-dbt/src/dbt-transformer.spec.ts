import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { formatIdentifier, type SqlDialect, type TransformModel } from '@phlo/ports'
import { type BrokenProject, transformerContract } from '@phlo/ports/testing'
import { DbtTransformer } from './dbt-transformer.js'
import { dbtTestName, dbtTestSeverity } from './tests.js'

/** Only names are spelled by a transformer. */
const dialect = {
  name: 'test',
  table: ({ namespace, name }: { namespace: readonly string[]; name: string }) => `"${namespace.join('.')}"."${name}"`,
} as unknown as SqlDialect

let root: string
beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'phlo-dbt-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

type Files = Readonly<Record<string, string>>
const settings: Files = { 'dbt_project.yml': 'name: shop\n' }

async function project(files: Files): Promise<{ dir: string; transformer: DbtTransformer }> {
  const dir = await mkdtemp(path.join(root, 'p-'))
  for (const [name, text] of Object.entries({ ...settings, ...files })) {
    await mkdir(path.dirname(path.join(dir, name)), { recursive: true })
    await writeFile(path.join(dir, name), text)
  }
  return { dir, transformer: new DbtTransformer(dir, dialect) }
}

async function modelsOf(files: Files): Promise<readonly TransformModel[]> {
  return (await project(files)).transformer.models()
}

async function modelOf(files: Files, name: string): Promise<TransformModel> {
  const model = (await modelsOf(files)).find((candidate) => candidate.name === name)
  if (!model) throw new Error(`no model ${name}`)
  return model
}

/** The error of a project, with its place relative to the project. */
async function refusal(files: Files) {
  const { dir, transformer } = await project(files)
  try {
    await transformer.models()
  } catch (error) {
    const { code, message, hint, location } = error as {
      code: string
      message: string
      hint?: string
      location?: { file: string; line?: number; column?: number }
    }
    const file = location && path.relative(dir, location.file)
    return { code, message, hint, place: [file, location?.line, location?.column] }
  }
  throw new Error('the project was taken')
}

const shop: Files = {
  'models/silver/orders.sql':
    "{{ config(partition_by=['day(ordered_at)'], tags='core') }}\n\nselect *, '{{ var(\"currency\") }}' as currency\nfrom {{ source('raw', 'orders') }}\n",
  'models/silver/customers.sql': "select * from {{ source('crm', 'people') }} -- {{ source('crm', 'people') }}",
  'models/gold/revenue.sql':
    "select c.id, sum(o.amount) as revenue\nfrom {{ ref('orders') }} o join {{\n  ref('customers')\n}} c using (id)\n",
  'models/shop.yml': `version: 2
sources:
  - name: crm
    schema: raw
    tables:
      - name: people
        identifier: customers_v2
models:
  - name: orders
    description: Orders as they came
    columns:
      - name: id
        description: Key
        tests: [not_null, unique]
      - name: status
        tests:
          - accepted_values:
              values: [open, paid]
          - relationships:
              to: source('raw', 'statuses')
              field: status
              severity: warn
  - name: revenue
    tests:
      - unique: { column_name: id, config: { severity: WARN } }
`,
  'tests/revenue_is_positive.sql': "select * from {{ ref('revenue') }} where revenue < 0",
  'dbt_project.yml': `name: shop
version: '1.0'
config-version: 2
vars:
  currency: EUR
models:
  shop:
    +tags: all
    gold:
      +schema: marts
      tags: [mart]
`,
}

const broken: readonly BrokenProject[] = [
  {
    title: 'a template that is never closed',
    files: { 'models/a/x.sql': "select 1\nfrom {{ ref('y')\n" },
    code: 'PHLO_TEMPLATE_INVALID',
    file: 'x.sql',
    line: 2,
  },
  {
    title: 'a control block',
    files: { 'models/a/x.sql': 'select 1\n\n  {% if true %} x {% endif %}' },
    code: 'PHLO_TEMPLATE_INVALID',
    file: 'x.sql',
    line: 3,
  },
  {
    title: 'an expression that is no call',
    files: { 'models/a/x.sql': '\n select {{ 1 + 1 }}' },
    code: 'PHLO_TEMPLATE_INVALID',
    file: 'x.sql',
    line: 2,
  },
  {
    title: 'a function that is not known',
    files: { 'models/a/x.sql': "select {{ env_var('X') }}" },
    code: 'PHLO_TEMPLATE_INVALID',
    file: 'x.sql',
    line: 1,
  },
  {
    title: 'a reference to nothing',
    files: { 'models/a/x.sql': "select *\nfrom {{ ref('y') }}" },
    code: 'PHLO_ASSET_UNKNOWN',
    file: 'x.sql',
    line: 2,
  },
  {
    title: 'a variable that is not set',
    files: { 'models/a/x.sql': "\n\nselect {{ var('y') }}" },
    code: 'PHLO_TEMPLATE_INVALID',
    file: 'x.sql',
    line: 3,
  },
  {
    title: 'two models of one name',
    files: { 'models/a/x.sql': 'select 1', 'models/b/x.sql': 'select 1' },
    code: 'PHLO_ASSET_DUPLICATE',
    file: path.join('b', 'x.sql'),
    line: 1,
  },
  {
    title: 'a model without a schema',
    files: { 'models/x.sql': 'select 1' },
    code: 'PHLO_CONFIG_INVALID',
    file: 'x.sql',
    line: 1,
  },
  {
    title: 'a materialization that is not there',
    files: { 'models/a/x.sql': "\n{{ config(materialized='view') }} select 1" },
    code: 'PHLO_UNSUPPORTED',
    file: 'x.sql',
    line: 2,
  },
  {
    title: 'a config that is not known',
    files: { 'models/a/x.sql': "{{ config(\n  pre_hook='x') }} select 1" },
    code: 'PHLO_UNSUPPORTED',
    file: 'x.sql',
    line: 1,
  },
  {
    title: 'YAML that does not parse',
    files: { 'models/a/x.sql': 'select 1', 'models/a.yml': 'models:\n  - name: "x\n' },
    code: 'PHLO_CONFIG_INVALID',
    file: 'a.yml',
    line: 3,
  },
  {
    title: 'YAML that names a key twice',
    files: { 'models/a/x.sql': 'select 1', 'models/a.yml': 'version: 2\nversion: 2\n' },
    code: 'PHLO_CONFIG_INVALID',
    file: 'a.yml',
    line: 2,
  },
  {
    title: 'YAML of another shape',
    files: { 'models/a/x.sql': 'select 1', 'models/a.yml': 'models:\n  - name: x\n    columns:\n      - name: 5\n' },
    code: 'PHLO_CONFIG_INVALID',
    file: 'a.yml',
    line: 4,
  },
  {
    title: 'YAML about a model that is not there',
    files: { 'models/a/x.sql': 'select 1', 'models/a.yml': 'models:\n  - description: d\n    name: y\n' },
    code: 'PHLO_ASSET_UNKNOWN',
    file: 'a.yml',
    line: 3,
  },
  {
    title: 'YAML about a model twice',
    files: { 'models/a/x.sql': 'select 1', 'models/a.yml': 'models:\n  - name: x\n  - name: x\n' },
    code: 'PHLO_CONFIG_INVALID',
    file: 'a.yml',
    line: 3,
  },
  {
    title: 'a part of dbt that is not there yet',
    files: { 'models/a/x.sql': 'select 1', 'models/a.yml': 'version: 2\nseeds:\n  - name: s\n' },
    code: 'PHLO_CONFIG_INVALID',
    file: 'a.yml',
    line: 3,
  },
  {
    title: 'tests of sources',
    files: {
      'models/a/x.sql': 'select 1',
      'models/a.yml':
        'sources:\n  - name: s\n    tables:\n      - name: t\n        columns:\n          - name: id\n            tests: [unique]\n',
    },
    code: 'PHLO_CONFIG_INVALID',
    file: 'a.yml',
    line: 7,
  },
  {
    title: 'a key of the project file that is not known',
    files: { 'models/a/x.sql': 'select 1', 'dbt_project.yml': 'name: shop\n\non-run-start: x\n' },
    code: 'PHLO_CONFIG_INVALID',
    file: 'dbt_project.yml',
    line: 3,
  },
  {
    title: 'configs of a folder that is not there',
    files: {
      'models/gold/x.sql': 'select 1',
      'dbt_project.yml': 'name: shop\nmodels:\n  shop:\n    golden:\n      +tags: [x]\n',
    },
    code: 'PHLO_CONFIG_INVALID',
    file: 'dbt_project.yml',
    line: 5,
  },
  {
    title: 'a project without a name',
    files: { 'dbt_project.yml': 'version: 2\n' },
    code: 'PHLO_CONFIG_INVALID',
    file: 'dbt_project.yml',
    line: 1,
  },
  ...(
    [
      ['a test that is not known', '[no_nulls]'],
      ['an argument of a test that would be passed over', '[{ not_null: { where: id > 3 } }]'],
      ['a config of a test that would be passed over', '[{ unique: { config: { error_if: ">10" } } }]'],
      ['a severity that is none', '[{ not_null: { severity: fatal } }]'],
      ['accepted values that are no list', '[{ accepted_values: { values: x } }]'],
      ['a relationship to nothing', '[{ relationships: { to: x, field: id } }]'],
      ['two tests in one', '[{ not_null: {}, unique: {} }]'],
    ] as const
  ).map(([title, tests]) => ({
    title,
    files: {
      'models/a/x.sql': 'select 1',
      'models/a.yml': `models:\n  - name: x\n    columns:\n      - name: id\n        tests: ${tests}\n`,
    },
    code: title === 'two tests in one' ? 'PHLO_CONFIG_INVALID' : 'PHLO_CHECK_INVALID',
    file: 'a.yml',
    line: 5,
  })),
  {
    title: 'a column test without a column',
    files: { 'models/a/x.sql': 'select 1', 'models/a.yml': 'models:\n  - name: x\n    tests:\n      - unique\n' },
    code: 'PHLO_CHECK_INVALID',
    file: 'a.yml',
    line: 4,
  },
  {
    title: 'a singular test about no model',
    files: { 'models/a/x.sql': 'select 1', 'tests/t.sql': 'select 1' },
    code: 'PHLO_CHECK_INVALID',
    file: 't.sql',
    line: 1,
  },
  {
    title: 'a reference to nothing in a test',
    files: { 'models/a/x.sql': 'select 1', 'tests/t.sql': "select *\nfrom {{ ref('z') }}" },
    code: 'PHLO_ASSET_UNKNOWN',
    file: 't.sql',
    line: 2,
  },
].map(({ files, ...rest }: { files: Files; title: string; code: string; file: string; line: number }) => ({
  ...rest,
  create: async () => (await project(files)).transformer,
}))

transformerContract('dbt', { create: async () => (await project(shop)).transformer, broken }, { describe, it })

describe('models', () => {
  it('have a table, inputs, documents, tags and partitions', async () => {
    const models = await modelsOf(shop)
    expect(
      models.map((model) => ({
        name: model.name,
        target: formatIdentifier(model.target),
        inputs: model.inputs.map(formatIdentifier),
        tags: model.tags,
        partitionBy: model.partitionBy,
      })),
    ).toEqual([
      {
        name: 'revenue',
        target: 'marts.revenue',
        inputs: ['silver.orders', 'silver.customers'],
        tags: ['mart'],
        partitionBy: [],
      },
      { name: 'customers', target: 'silver.customers', inputs: ['raw.customers_v2'], tags: ['all'], partitionBy: [] },
      {
        name: 'orders',
        target: 'silver.orders',
        inputs: ['raw.orders'],
        tags: ['core'],
        partitionBy: ['day(ordered_at)'],
      },
    ])
    expect(models[2]).toMatchObject({ description: 'Orders as they came', columnDocs: { id: 'Key' } })
  })

  it('have SQL with names of tables and values of variables, line by line as in the file', async () => {
    expect((await modelOf(shop, 'orders')).sql).toBe(`\n\nselect *, 'EUR' as currency\nfrom "raw"."orders"\n`)
    expect((await modelOf(shop, 'revenue')).sql).toBe(
      'select c.id, sum(o.amount) as revenue\nfrom "silver"."orders" o join "silver"."customers"\n\n c using (id)\n',
    )
  })

  it('take configs from the file before those of YAML before those of folders, deeper ones first', async () => {
    const files = {
      'dbt_project.yml':
        'name: shop\nmodels:\n  +schema: s0\n  shop:\n    schema: s1\n    a:\n      +schema: s2\n      b:\n        +schema: s3\n        y: { +schema: s4 }\n',
      'models/w.sql': 'select 1',
      'models/a/x.sql': 'select 1',
      'models/a/b/y.sql': 'select 1',
      'models/a/b/z.sql': "{{ config(schema='own', alias='zed') }} select 1",
      'models/a/b/v.sql': 'select 1',
      'models/p.yml': 'models:\n  - name: v\n    config: { schema: yaml }\n  - name: z\n    config: { schema: yaml }\n',
    }
    const targets = (await modelsOf(files)).map(({ name, target }) => [name, formatIdentifier(target)])
    expect(Object.fromEntries(targets)).toEqual({
      w: 's1.w',
      x: 's2.x',
      y: 's4.y',
      z: 'own.zed',
      v: 'yaml.v',
    })
  })

  it('stand in the folder’s schema where nothing says another', async () => {
    expect(formatIdentifier((await modelOf({ 'models/silver/deep/x.sql': 'select 1' }, 'x')).target)).toBe('silver.x')
  })

  it('name a circle’s tables as inputs, for the asset graph to refuse', async () => {
    const models = await modelsOf({
      'models/a/x.sql': "select * from {{ ref('y') }}",
      'models/a/y.sql': "select * from {{ ref('x') }}",
      'tests/t.sql': "select * from {{ ref('x') }}, {{ ref('y') }}",
    })
    expect(models.map(({ inputs }) => inputs.map(formatIdentifier))).toEqual([['a.y'], ['a.x']])
  })

  it('know whitespace control, comments, quotes within quotes, and a byte order mark', async () => {
    const text = `\uFEFF{#- {{ ref('none') }}\n #}select '{{- var('it\\'s', "a \\"b\\"") -}}' from {{ ref("y") }}, {{ref( 'shop' , 'y' )}}`
    const { sql, inputs } = await modelOf({ 'models/a/x.sql': text, 'models/a/y.sql': 'select 1' }, 'x')
    expect(sql).toBe(`\nselect 'a "b"' from "a"."y", "a"."y"`)
    expect(inputs.map(formatIdentifier)).toEqual(['a.y'])
  })

  it('take variables from the project’s own before the common ones, then the fallback', async () => {
    const files = {
      'dbt_project.yml': 'name: shop\nvars:\n  a: common\n  b: common\n  shop:\n    a: own\n',
      'models/s/x.sql': "select '{{ var('a') }} {{ var('b') }} {{ var('c', 7) }}'",
    }
    expect((await modelOf(files, 'x')).sql).toBe("select 'own common 7'")
  })

  it('are none where there is no folder of models', async () => {
    expect(await modelsOf({})).toEqual([])
  })
})

describe('places of compiled SQL', () => {
  const text = [
    "{{ config(partition_by=['day(at)']) }}",
    '',
    "select {{ var('x', 'a_long_value') }} as é, nope",
    'from {{ source(',
    "  'raw', 'orders') }} as o, {{ ref('y') }} where wrong",
    '',
  ].join('\n')
  const files = { 'models/a/x.sql': text, 'models/a/y.sql': 'select 1' }

  it('are found in the file, behind expressions on the same line, too', async () => {
    const { sql, locate } = await modelOf(files, 'x')
    const lines = sql.split('\n')
    for (const word of ['select', 'as é', 'nope', 'from', 'as o', 'where', 'wrong']) {
      const line = lines.findIndex((own) => own.includes(word))
      const place = locate?.({ line: line + 1, column: (lines[line] as string).indexOf(word) + 1 })
      const original = text.split('\n')
      const expected = original.findIndex((own) => own.includes(word))
      expect({ word, line: place?.line, column: place?.column }).toEqual({
        word,
        line: expected + 1,
        column: (original[expected] as string).indexOf(word) + 1,
      })
      expect(path.basename(place?.file ?? '')).toBe('x.sql')
    }
  })

  it('of what an expression made are where the expression is', async () => {
    const { sql, locate } = await modelOf(files, 'x')
    const [, , third = ''] = sql.split('\n')
    expect(locate?.({ line: 3, column: third.indexOf('long') + 1 })).toMatchObject({ line: 3, column: 8 })
    expect(sql.split('\n')[3]).toBe('from "raw"."orders"')
    expect(locate?.({ line: 4, column: 12 })).toMatchObject({ line: 4, column: 6 })
  })

  it('beyond the text are its end', async () => {
    const { locate } = await modelOf(files, 'x')
    expect(locate?.({ line: 99, column: 99 })).toMatchObject({ line: 6, column: 1 })
  })
})

describe('errors', () => {
  it('name the nearest model, and every one when none is near', async () => {
    const models = { 'models/a/orders.sql': 'select 1', 'models/a/customers.sql': 'select 1' }
    expect(await refusal({ ...models, 'models/a/x.sql': "select 1 from\n  {{ ref('ordres') }}" })).toEqual({
      code: 'PHLO_ASSET_UNKNOWN',
      message: 'There is no model "ordres"',
      hint: 'Did you mean orders?',
      place: ['models/a/x.sql', 2, 3],
    })
    expect(await refusal({ ...models, 'models/a/x.sql': "select {{ ref('quite_other') }}" })).toMatchObject({
      hint: 'Models: customers, orders, x.',
    })
    expect(await refusal({ ...models, 'models/a.yml': 'models:\n  - name: customer\n' })).toMatchObject({
      hint: 'Did you mean customers?',
      place: ['models/a.yml', 2, 11],
    })
    expect(
      await refusal({ ...models, 'dbt_project.yml': 'name: shop\nmodels:\n  shpo: { +schema: x }\n' }),
    ).toMatchObject({ code: 'PHLO_CONFIG_INVALID', hint: 'Did you mean shop?' })
  })

  it('name line and column in CRLF files and behind letters of all kinds', async () => {
    expect(await refusal({ 'models/a/x.sql': "-- é💧\r\nselect 'é', {{ nope() }}\r\n" })).toMatchObject({
      code: 'PHLO_TEMPLATE_INVALID',
      place: ['models/a/x.sql', 2, 13],
    })
  })

  it('of calls that are written wrongly say how they are written', async () => {
    for (const call of [
      'ref()',
      "ref('a', 'b', 'c')",
      "ref('y', v=2)",
      "source('a')",
      "source('a', 'b', 'c')",
      'var()',
    ])
      expect(await refusal({ 'models/a/x.sql': `select {{ ${call} }}`, 'models/a/y.sql': 'select 1' })).toMatchObject({
        code: 'PHLO_TEMPLATE_INVALID',
        place: ['models/a/x.sql', 1, 8],
      })
  })

  it('tell when the project file is not there', async () => {
    await expect(new DbtTransformer(path.join(root, 'none'), dialect).models()).rejects.toMatchObject({
      code: 'PHLO_CONFIG_INVALID',
      location: { file: path.join(root, 'none', 'dbt_project.yml') },
    })
  })
})

describe('tests', () => {
  it('become checks with names, severities and places', async () => {
    const { tests } = await modelOf(shop, 'orders')
    expect(tests.map(({ location, ...test }) => ({ ...test, line: location.line }))).toEqual([
      { kind: 'null', options: { columns: ['id'] }, name: 'dbt__not_null__orders_id', severity: 'error', line: 14 },
      { kind: 'unique', options: { columns: ['id'] }, name: 'dbt__unique__orders_id', severity: 'error', line: 14 },
      {
        kind: 'accepted_values',
        options: { column: 'status', values: ['open', 'paid'] },
        name: 'dbt__accepted_values__orders_status',
        severity: 'warn',
        line: 17,
      },
      {
        kind: 'referential',
        options: { column: 'status', to: 'raw.statuses', field: 'status' },
        name: 'dbt__relationships__orders_status',
        severity: 'warn',
        line: 19,
      },
    ])
    const { tests: ofRevenue } = await modelOf(shop, 'revenue')
    expect(ofRevenue.map(({ location, ...test }) => ({ ...test, file: path.basename(location.file) }))).toEqual([
      {
        kind: 'unique',
        options: { columns: ['id'] },
        name: 'dbt__unique__revenue_id',
        severity: 'warn',
        file: 'shop.yml',
      },
      {
        kind: 'custom_sql',
        options: { failingRows: 'select * from "marts"."revenue" where revenue < 0' },
        name: 'dbt__revenue_is_positive__revenue',
        severity: 'error',
        file: 'revenue_is_positive.sql',
      },
    ])
  })

  it('of one kind on one column have names of their own, and a name that is given is taken', async () => {
    const yaml = `models:
  - name: x
    columns:
      - name: a
        data_tests:
          - accepted_values: { values: [1, 2] }
          - accepted_values: { arguments: { values: [1, 3] }, severity: error }
          - not_null: { name: a_is_there, description: d }
`
    const { tests } = await modelOf({ 'models/s/x.sql': 'select 1 as a', 'models/p.yml': yaml }, 'x')
    expect(tests.map(({ name, severity, options }) => [name, severity, options])).toEqual([
      ['dbt__accepted_values__x_a', 'warn', { column: 'a', values: [1, 2] }],
      ['dbt__accepted_values__x_a_2', 'error', { column: 'a', values: [1, 3] }],
      ['dbt__a_is_there__x_a', 'error', { columns: ['a'] }],
    ])
  })

  it('that stand alone belong to the model that is made last of those they read', async () => {
    const files = {
      'models/s/a_last.sql': "select * from {{ ref('m_middle') }}",
      'models/s/m_middle.sql': "select * from {{ ref('z_first') }}",
      'models/s/z_first.sql': 'select 1',
      'tests/forwards.sql': "select * from {{ ref('z_first') }} join {{ ref('a_last') }} using (id)",
      'tests/backwards.sql':
        "{{ config(severity='warn', tags=['x']) }} select * from {{ ref('m_middle') }}, {{ ref('z_first') }}",
    }
    const models = await modelsOf(files)
    expect(models.map(({ name, tests }) => [name, tests.map((test) => [test.name, test.severity])])).toEqual([
      ['a_last', [['dbt__forwards__a_last', 'error']]],
      ['m_middle', [['dbt__backwards__m_middle', 'warn']]],
      ['z_first', []],
    ])
  })

  it('have the names and severities that are fixed', () => {
    expect(dbtTestName('not_null', 'mrt_orders')).toBe('dbt__not_null__mrt_orders')
    expect(dbtTestName('dbt_utils.accepted-range', 'x')).toBe('dbt__dbt_utils_accepted_range__x')
    expect(dbtTestSeverity({ type: 'not_null' })).toBe('error')
    expect(dbtTestSeverity({ type: 'accepted_values' })).toBe('warn')
    expect(dbtTestSeverity({ tags: ['anomaly'] })).toBe('warn')
    expect(dbtTestSeverity({ tags: ['warn'] })).toBe('warn')
    expect(dbtTestSeverity({ tags: ['blocking'] })).toBe('error')
    expect(dbtTestSeverity({ type: 'accepted_values', tags: ['warn', 'blocking'] })).toBe('error')
    expect(dbtTestSeverity({ type: 'unique', tags: ['blocking'], declared: 'warn' })).toBe('warn')
  })
})
