import { afterEach, describe, expect, it } from '@jest/globals'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { FixtureProject } from '../testing/fixture-project.js'

let project: FixtureProject | undefined
afterEach(() => project?.close())

async function load(files: Record<string, string>, what?: Parameters<FixtureProject['load']>[0], name?: string) {
  project = await FixtureProject.make(files, name)
  return project.load(what)
}

const imports = "import { asset, daily, ingestion, quality, schedule, z } from '@phlo/authoring'\n"
const schema = 'const Row = z.object({ id: z.int(), at: z.iso.datetime() })\n'
const declare = (name: string, rest = '') =>
  `${imports}${schema}export const ${name} = ingestion({ name: '${name}', schema: Row${rest} }, () => [{ id: 1 }])\n`

describe('loading workflows', () => {
  it('takes TypeScript as it is, what it imports, and everything that is declared', async () => {
    const loaded = await load(
      {
        'workflows/a.ts': `import { Row } from '../shared/rows'
${imports}type Rows = ReadonlyArray<{ id: number }>
const make = (): Rows => [{ id: 1 }] satisfies Rows
const a = ingestion({ name: 'a', schema: Row }, make)
quality(a, (t) => [t.notNull('id')])
schedule({ name: 'nightly', cron: '0 3 * * *', selection: ['a'] })
`,
        'workflows/below/b.mts': declare('b'),
        'workflows/c.js': declare('c'),
        'workflows/b.spec.ts': 'throw new Error("a test")',
        'workflows/types.d.ts': 'declare const x: number',
        'workflows/transforms/x.ts': 'throw new Error("something else")',
        'shared/rows.ts': `import { z } from 'zod'\nexport const Row = z.object({ id: z.int() })\n`,
      },
      'rows',
    )
    expect(loaded.error).toBeUndefined()
    expect(loaded.files).toEqual(['workflows/a.ts', 'workflows/below/b.mts', 'workflows/c.js'])
    expect(loaded.assets?.map(({ key, checks, rows }) => [key, checks.map(({ name }) => name), rows])).toEqual([
      ['bronze.a', ['not_null_id'], [{ id: 1 }]],
      ['bronze.b', [], [{ id: 1 }]],
      ['bronze.c', [], [{ id: 1 }]],
    ])
    expect(loaded.assets?.[0]?.location).toEqual({
      file: path.join(project!.dir, 'workflows/a.ts'),
      line: 5,
      column: 11,
    })
    expect(loaded.schedules).toMatchObject([
      { name: 'nightly', timezone: 'UTC', selection: ['a'], location: { line: 7 } },
    ])
  })

  it.each([
    ['missing', {}],
    ['empty', { 'workflows/transforms/.gitkeep': '' }],
  ])('gives nothing when the folder is %s', async (_name, files) => {
    expect(await load(files, 'types')).toEqual({
      assets: [],
      schedules: [],
      files: [],
      types: { status: 'checked', problems: [] },
    })
  })

  it.each<[string, string, Record<string, unknown>]>([
    [
      'a syntax error',
      `${imports}\nconst x = [1, 2\nconst y = 3\n`,
      { code: 'PHLO_WORKFLOW_INVALID', message: 'Expected "]" but found "const"', at: 'workflows/a.ts:4:1' },
    ],
    [
      'a file that is not there',
      "\nimport './none.js'\n",
      { message: 'Could not resolve "./none.js"', at: 'workflows/a.ts:2:8' },
    ],
    [
      'a package that is not there',
      "\nimport 'no-such-package'\n",
      {
        message: 'Cannot find the package "no-such-package". Install it: npm install no-such-package',
        at: 'workflows/a.ts:2:8',
      },
    ],
    [
      'an error when it runs',
      'interface Long {\n  x: number\n}\nfunction fail(): never {\n  throw new TypeError("boom")\n}\nfail()\n',
      { message: 'workflows/a.ts cannot be loaded: boom', at: 'workflows/a.ts:5:9' },
    ],
    [
      'a wrong schema',
      `${imports}const Row = z.object({ id: z.any() })\n\ningestion({ name: 'a', schema: Row }, () => [])\n`,
      { code: 'PHLO_SCHEMA_UNSUPPORTED', message: 'Column id: z.any() has no column type', at: 'workflows/a.ts:4:1' },
    ],
    [
      'a wrong option',
      `${imports}${schema}\ningestion({ name: 'a', schema: Row, cron: '61 * * * *' }, () => [])\n`,
      {
        code: 'PHLO_WORKFLOW_INVALID',
        message: expect.stringMatching(/^"61 \* \* \* \*" is no cron/),
        at: 'workflows/a.ts:4:1',
      },
    ],
    [
      'a wrong duration in a check',
      `${declare('a')}quality(a, (t) => [\n  t.fresh('at', '2 hours' as never),\n])\n`,
      { message: '"2 hours" is no duration', hint: 'Write 90s, 30m, 2h or 7d.', at: 'workflows/a.ts:5:5' },
    ],
    [
      'a pattern that no engine runs',
      `${declare('a')}quality(a, (t) => [t.pattern('id', /(a)\\1/)])\n`,
      { code: 'PHLO_SCHEMA_UNSUPPORTED', at: 'workflows/a.ts:4:22' },
    ],
    [
      'a class that is not exported',
      `${imports}${schema}class A {\n  @ingestion({ name: 'a', schema: Row })\n  load() {\n    return []\n  }\n}\n`,
      {
        message: 'The class of the decorated method load is not exported',
        hint: 'Export the class, so that Phlo can make an instance of it, or make the method static.',
        at: 'workflows/a.ts:4:4',
      },
    ],
    [
      'a class that cannot be made',
      `${imports}${schema}export class A {\n  constructor() {\n    throw new Error('no arguments')\n  }\n  @ingestion({ name: 'a', schema: Row })\n  load() {\n    return []\n  }\n}\n`,
      { message: 'workflows/a.ts cannot be loaded: no arguments', at: 'workflows/a.ts:5:11' },
    ],
    [
      'checks of a table that is not there',
      `${declare('airports')}quality('bronze.airport', (t) => [t.notNull('id')])\n`,
      {
        code: 'PHLO_ASSET_UNKNOWN',
        message: 'Checks are declared for "bronze.airport", which is no asset',
        hint: 'Did you mean bronze.airports?',
        at: 'workflows/a.ts:4:1',
      },
    ],
    [
      'checks of a name that two tables have',
      `${declare('a')}ingestion({ name: 'a', namespace: 'raw', schema: Row }, () => [])\nquality('a', (t) => [t.notNull('id')])\n`,
      {
        code: 'PHLO_ASSET_UNKNOWN',
        message: 'Checks are declared for "a", which is several assets',
        hint: 'Name one of bronze.a, raw.a.',
        at: 'workflows/a.ts:5:1',
      },
    ],
    [
      'two checks of one name',
      `${declare('a')}quality(a, (t) => [t.notNull('id')])\nquality(a, (t) => [t.notNull('id')])\n`,
      {
        code: 'PHLO_CHECK_INVALID',
        message: 'Two checks of bronze.a are named not_null_id',
        at: 'workflows/a.ts:5:22',
      },
    ],
    [
      'an asset made of one that is not there',
      declare('a', ", deps: ['bronze.b']"),
      {
        code: 'PHLO_ASSET_UNKNOWN',
        message: 'bronze.a is made of bronze.b, which is no asset',
        at: 'workflows/a.ts:3:18',
      },
    ],
    [
      'assets made of each other',
      `${declare('a', ", deps: ['bronze.b']")}ingestion({ name: 'b', schema: Row, deps: [a] }, () => [])\n`,
      { code: 'PHLO_ASSET_CYCLE', at: expect.stringMatching(/^workflows\/a\.ts:/) },
    ],
    [
      'two assets of one table',
      `${declare('a')}\ningestion({ name: 'a', schema: Row }, () => [])\n`,
      { code: 'PHLO_ASSET_DUPLICATE', hint: expect.stringMatching(/workflows\/a\.ts:3\.$/), at: 'workflows/a.ts:5:1' },
    ],
    [
      'a schedule of what is not there',
      `${declare('a')}schedule({ name: 's', cron: '0 0 * * *', selection: ['bronze.aa+'] })\n`,
      {
        code: 'PHLO_ASSET_UNKNOWN',
        message: 'The schedule s: No asset is selected by "bronze.aa+"',
        hint: 'Did you mean bronze.a?',
        at: 'workflows/a.ts:4:1',
      },
    ],
    [
      'two schedules of one name',
      `${imports}schedule({ name: 's', cron: '0 0 * * *' })\nschedule({ name: 's', cron: '0 1 * * *' })\n`,
      { message: 'Two schedules are named s', at: 'workflows/a.ts:3:1' },
    ],
  ])('names the file and the line of %s', async (_name, text, expected) => {
    const { error } = await load({ 'workflows/a.ts': text })
    expect(error).toMatchObject({ code: 'PHLO_WORKFLOW_INVALID', ...expected })
  })

  it('names them in folders with spaces and brackets, too', async () => {
    const { error } = await load({ 'workflows/a b.ts': '\nthrow new Error("boom")\n' }, 'declarations', 'my (own) lake')
    expect(error).toMatchObject({ message: 'workflows/a b.ts cannot be loaded: boom', at: 'workflows/a b.ts:2:7' })
  })

  it('gives decorated methods the instance that they are called on, or the class', async () => {
    const text = `${imports}${schema}
export class Station {
  private readonly id = 7
  @ingestion({ name: 'a', schema: Row })
  load() {
    return [{ id: this.id }]
  }
}
class Hidden {
  static id = 8
  @ingestion({ name: 'b', schema: Row })
  static load() {
    return [{ id: this.id }]
  }
}
class Parent {
  id = 1
  @ingestion({ name: 'c', schema: Row })
  load() {
    return [{ id: this.id }]
  }
}
export class Child extends Parent {
  override id = 9
}
export { Station as Again }
`
    const { assets, error } = await load({ 'workflows/a.ts': text }, 'rows')
    expect(error).toBeUndefined()
    expect(assets?.map(({ key, rows }) => [key, rows]).sort()).toEqual([
      ['bronze.a', [{ id: 7 }]],
      ['bronze.b', [{ id: 8 }]],
      ['bronze.c', [{ id: 9 }]],
    ])
  })
})

describe('compiled workflows', () => {
  const compilations = async () => {
    const root = path.join(project!.dir, '.phlo/cache/workflows')
    const [key] = (await readdir(root)).filter((name) => name.length === 24)
    return (await readdir(path.join(root, key ?? ''))).filter((name) => name !== 'manifest.json').sort()
  }

  it('are kept until a source changes, be it one that is only imported', async () => {
    const files = {
      'workflows/a.ts': `import { name } from '../shared/name.js'\n${imports}${schema}ingestion({ name, schema: Row }, () => [])\n`,
      'shared/name.ts': "export const name: string = 'one'\n",
    }
    expect((await load(files)).assets?.map(({ key }) => key)).toEqual(['bronze.one'])
    const first = await compilations()
    expect(first).toHaveLength(1)
    await project?.load()
    expect(await compilations()).toEqual(first)
    await project?.write('shared/name.ts', "export const name: string = 'two'\n")
    expect((await project?.load())?.assets?.map(({ key }) => key)).toEqual(['bronze.two'])
    expect(await compilations()).toHaveLength(2)
  })

  it('are made anew when their manifest is cut off', async () => {
    await load({ 'workflows/a.ts': declare('a') })
    const [key] = await readdir(path.join(project!.dir, '.phlo/cache/workflows'))
    await project?.write(`.phlo/cache/workflows/${key ?? ''}/manifest.json`, '{"inputs":')
    expect((await project?.load())?.assets).toHaveLength(1)
  })

  it('find a new file', async () => {
    await load({ 'workflows/a.ts': declare('a') })
    await project?.write('workflows/b.ts', declare('b'))
    expect((await project?.load())?.assets?.map(({ key }) => key)).toEqual(['bronze.a', 'bronze.b'])
  })
})

describe('checking types', () => {
  const wrong = `${imports}${schema}export const a = ingestion(
  { name: 'a', schema: Row, uniqueKey: 'idd', partitions: daily({ column: 'att', start: '2024-01-01' }) },
  () => [],
)
quality(a, (t) => [
  t.notNull('nothing'),
])
quality({ table: a, checks: [] })
`

  it('finds wrong columns, with their file and line', async () => {
    const text = wrong.replace("uniqueKey: 'idd', ", '').replace("'att'", "'at'")
    const { types, error } = await load({ 'workflows/a.ts': text }, 'types')
    expect(error).toBeUndefined()
    expect(types).toEqual({
      status: 'checked',
      problems: [{ at: 'workflows/a.ts:8:3', message: expect.stringContaining('"nothing"') }],
    })
  })

  it('is not done again until a source or the settings change', async () => {
    const text = `${imports}${schema}export const f = (x) => x\n`
    const strict = { 'workflows/a.ts': text }
    const loose = { ...strict, 'tsconfig.json': '{ "compilerOptions": { "strict": false, "module": "nodenext" } }' }
    expect((await load(loose, 'types')).types).toEqual({ status: 'checked', problems: [] })
    await project?.write('tsconfig.json', '{ "compilerOptions": { "strict": true, "module": "nodenext" } }')
    expect((await project?.load('types'))?.types?.problems).toMatchObject([{ at: 'workflows/a.ts:3:19' }])
    await project?.write('tsconfig.json', '{ "compilerOptions": { "strict": tru } }')
    expect((await project?.load('types'))?.types?.problems).toMatchObject([
      { at: expect.stringMatching(/^tsconfig\.json:1:/) },
    ])
  })
})
