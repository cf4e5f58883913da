import { afterEach, describe, expect, it } from '@jest/globals'
import path from 'node:path'
import { ProjectFolder } from '../testing/project-folder.js'
import { findProject, loadProject } from './project-config.js'

let folder: ProjectFolder | undefined
afterEach(() => folder?.close())

type Env = Readonly<Record<string, string>>

async function load(yaml: string, options: { profile?: string; env?: Env; files?: Record<string, string> } = {}) {
  const { files = {}, env = {}, ...rest } = options
  folder = await ProjectFolder.make({ 'phlo.yaml': yaml, ...files })
  return loadProject(folder.dir, { env, ...rest })
}

/** The error, its place as `line:column`. */
async function failure(...given: Parameters<typeof load>): Promise<Record<string, unknown>> {
  try {
    await load(...given)
  } catch (error) {
    const { code, message, hint, location } = error as {
      code: string
      message: string
      hint?: string
      location?: { file: string; line?: number; column?: number }
    }
    expect(location?.file).toBe(path.join(folder?.dir ?? '', 'phlo.yaml'))
    return { code, message, ...(hint !== undefined && { hint }), at: `${location?.line ?? 0}:${location?.column ?? 0}` }
  }
  throw new Error('nothing was thrown')
}

const chosen = async (...given: Parameters<typeof load>) =>
  (await load(...given)).plugins.map(({ place, use, options }) => [place, use, options])

describe('finding a project', () => {
  it('looks in the folder and above', async () => {
    folder = await ProjectFolder.make({ 'phlo.yaml': 'name: p\n', 'a/b/c.txt': '' })
    expect(await findProject(path.join(folder.dir, 'a/b'))).toBe(folder.dir)
    expect(await findProject(folder.dir)).toBe(folder.dir)
  })

  it('fails where there is none', async () => {
    folder = await ProjectFolder.make({ 'phlo.yaml/is-a-folder': '' })
    await expect(findProject(folder.dir)).rejects.toMatchObject({
      code: 'PHLO_PROJECT_NOT_FOUND',
      message: `There is no phlo.yaml in ${folder.dir} or above it`,
    })
  })
})

describe('phlo.yaml', () => {
  it('needs nothing but a name', async () => {
    const { config, profile } = await load('name: p\n')
    expect(profile).toBe('local')
    expect(config).toEqual({
      name: 'p',
      profile: 'local',
      profiles: {},
      workflows: 'workflows',
      audit: { branch: 'pipeline-run-{run_id}', keepFailed: '7d' },
      retention: {
        history: '30d',
        branches: {},
        safetyAge: '3d',
        layers: { bronze: '90d', silver: '730d', gold: '2555d' },
      },
      plugins: [],
    })
    expect(await chosen('name: p\n')).toEqual([
      ['storage', 'local', {}],
      ['catalog', 'embedded', {}],
      ['engine', 'duckdb', {}],
      ['state', 'sqlite', {}],
    ])
  })

  it('says which plugins a profile takes, with what options, and which stand beside them', async () => {
    const yaml = `name: p
profiles:
  local:
    engine: { use: duckdb, with: { memoryLimit: 2GB, nested: [1, { a: true }] } }
transforms: { use: dbt, with: { project: models } }
plugins:
  - { use: "@acme/source" }
  - use: ./plugins/own.ts
`
    const { plugins } = await load(yaml)
    expect(plugins).toEqual([
      { place: 'storage', use: 'local', options: {}, yamlPath: undefined },
      { place: 'catalog', use: 'embedded', options: {}, yamlPath: undefined },
      {
        place: 'engine',
        use: 'duckdb',
        options: { memoryLimit: '2GB', nested: [1, { a: true }] },
        yamlPath: ['profiles', 'local', 'engine'],
      },
      { place: 'state', use: 'sqlite', options: {}, yamlPath: undefined },
      { place: 'transforms', use: 'dbt', options: { project: 'models' }, yamlPath: ['transforms'] },
      { place: undefined, use: '@acme/source', options: {}, yamlPath: ['plugins', 0] },
      { place: undefined, use: './plugins/own.ts', options: {}, yamlPath: ['plugins', 1] },
    ])
  })

  it('finds a dbt project where projects have theirs', async () => {
    const at = (file: string) => ({ files: { [file]: 'name: models\n' } })
    expect(await chosen('name: p\n', at('workflows/transforms/dbt/dbt_project.yml'))).toContainEqual([
      'transforms',
      'dbt',
      {},
    ])
    expect(await chosen('name: p\nworkflows: src\n', at('src/transforms/dbt/dbt_project.yml'))).toContainEqual([
      'transforms',
      'dbt',
      {},
    ])
    expect(await chosen('name: p\n', at('dbt_project.yml'))).toHaveLength(4)
  })

  it.each<[string, string, { message: string; hint?: string; at: string }]>([
    [
      'an unknown key',
      'name: p\nprofils:\n  local: {}\n',
      {
        message: 'Unknown key "profils"',
        hint: 'Did you mean profile? Known keys: name, profile, profiles, workflows, transforms, audit, retention, plugins.',
        at: '2:1',
      },
    ],
    [
      'an unknown key of a profile',
      'name: p\nprofiles:\n  local:\n    storrage: { use: local }\n',
      {
        message: 'Unknown key "storrage" in profiles.local',
        hint: 'Did you mean storage? Known keys: storage, catalog, engine, state.',
        at: '4:5',
      },
    ],
    [
      'an unknown key of a plugin',
      'name: p\nplugins:\n  - use: a\n    whith: {}\n',
      { message: 'Unknown key "whith" in plugins.0', hint: 'Did you mean with? Known keys: use, with.', at: '4:5' },
    ],
    [
      'a key that resembles none',
      'name: p\naudit: { frequency: 1 }\n',
      {
        message: 'Unknown key "frequency" in audit',
        hint: 'Known keys: branch, keepFailed.',
        at: '2:10',
      },
    ],
    [
      'a value of the wrong type',
      'name: p\nprofiles:\n  local:\n    engine: duckdb\n',
      { message: 'profiles.local.engine: Invalid input: expected object, received string', at: '4:13' },
    ],
    [
      'a missing value',
      'profile: local\n',
      { message: 'name: Invalid input: expected string, received undefined', at: '1:1' },
    ],
    ['a name with a space', 'name: my lake\n', { message: 'name: must be letters, digits, "_" and "-"', at: '1:7' }],
    [
      'a branch without the run',
      'name: p\naudit:\n  branch: run\n',
      { message: 'audit.branch: must contain {run_id}', at: '3:11' },
    ],
    [
      'a retention that is no duration',
      'name: p\naudit: { keepFailed: 1 week }\n',
      { message: 'audit.keepFailed: must be a duration such as 7d, 12h or 30m', at: '2:22' },
    ],
    ['a list', '- name: p\n', { message: 'phlo.yaml: Invalid input: expected object, received array', at: '1:1' }],
    ['an empty file', '', { message: 'name: Invalid input: expected string, received undefined', at: '1:1' }],
  ])('is refused with %s', async (_name, yaml, expected) => {
    expect(await failure(yaml)).toEqual({ code: 'PHLO_CONFIG_INVALID', ...expected })
  })

  it('is refused when it is no YAML, has a key twice, or aliases that multiply it', async () => {
    expect(await failure('name: p\n  profile: x\n')).toMatchObject({ code: 'PHLO_CONFIG_INVALID', at: '1:7' })
    expect(await failure('name: p\nname: q\n')).toMatchObject({ message: 'Map keys must be unique (YAML)', at: '2:1' })
    const laughs = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
    for (const [index, letter] of [...'bcdefg'].entries()) {
      laughs.push(
        `${letter}: &${letter} [${Array(10)
          .fill(`*${'abcdefg'[index] ?? ''}`)
          .join(', ')}]`,
      )
    }
    expect(await failure(laughs.join('\n'))).toMatchObject({
      code: 'PHLO_CONFIG_INVALID',
      message: expect.stringContaining('alias'),
    })
  })
})

describe('the profile', () => {
  const yaml = `name: p
profile: one
profiles:
  one: { engine: { use: e1 } }
  two: { engine: { use: e2 } }
  three: { engine: { use: e3 } }
`
  const engine = async (...given: Parameters<typeof load>) => {
    const { profile, plugins } = await load(...given)
    return [profile, plugins.find(({ place }) => place === 'engine')?.use]
  }

  it('is that of the command line, else of the environment, else of .env.local, else of the file', async () => {
    const files = { '.phlo/.env.local': 'PHLO_PROFILE=three\n' }
    expect(await engine(yaml, { profile: 'one', env: { PHLO_PROFILE: 'two' }, files })).toEqual(['one', 'e1'])
    expect(await engine(yaml, { env: { PHLO_PROFILE: 'two' }, files })).toEqual(['two', 'e2'])
    expect(await engine(yaml, { files })).toEqual(['three', 'e3'])
    expect(await engine(yaml)).toEqual(['one', 'e1'])
  })

  it('may be the local one without being written down', async () => {
    expect(await engine(yaml, { profile: 'local' })).toEqual(['local', 'duckdb'])
  })

  it('that is not there is an error with the known ones and the nearest', async () => {
    const expected = {
      code: 'PHLO_CONFIG_INVALID',
      message: 'There is no profile "twoo"',
      hint: 'Did you mean two? Profiles: local, one, two, three.',
    }
    expect(await failure(yaml, { profile: 'twoo' })).toEqual({ ...expected, at: '4:3' })
    expect(await failure(yaml, { env: { PHLO_PROFILE: 'twoo' } })).toEqual({ ...expected, at: '4:3' })
    expect(await failure(yaml.replace('profile: one', 'profile: twoo'))).toEqual({ ...expected, at: '2:10' })
    expect(await failure(yaml, { profile: 'constructor' })).toMatchObject({
      message: 'There is no profile "constructor"',
    })
  })
})

describe('values from the environment', () => {
  const yaml = (value: string) => `name: p
profiles:
  local:
    engine:
      use: duckdb
      with:
        server: "${value}"
`
  const server = async (value: string, options: Parameters<typeof load>[1] = {}) => {
    const { plugins } = await load(yaml(value), options)
    return (plugins.find(({ place }) => place === 'engine')?.options as { server: unknown }).server
  }
  const env = { HOST: 'h', PORT: '1', EMPTY: '' }

  it.each([
    ['${env:HOST}', 'h'],
    ['http://${env:HOST}:${env:PORT}/', 'http://h:1/'],
    ['${env:HOST:-other}', 'h'],
    ['${env:NONE:-other}', 'other'],
    ['${env:NONE:-http://x:1/y?z}', 'http://x:1/y?z'],
    ['${env:NONE:-}', ''],
    ['${env:EMPTY:-other}', 'other'],
    ['${env:EMPTY}', ''],
    ['$HOST ${HOST}', '$HOST ${HOST}'],
  ])('stand for %s', async (value, expected) => {
    expect(await server(value, { env })).toBe(expected)
  })

  it('come from the process before .phlo/.env.local', async () => {
    const files = { '.phlo/.env.local': '# comment\nHOST=local\nTOKEN="a b"\n' }
    expect(await server('${env:HOST}', { files })).toBe('local')
    expect(await server('${env:TOKEN}', { files })).toBe('a b')
    expect(await server('${env:HOST}', { env, files })).toBe('h')
  })

  it('that are not set are an error at their place', async () => {
    expect(await failure(yaml('x${env:NONE}'))).toEqual({
      code: 'PHLO_CONFIG_INVALID',
      message: 'The environment variable NONE is not set',
      hint: 'Set it, put it into .phlo/.env.local, or give a default: ${env:NONE:-value}',
      at: '7:17',
    })
  })

  it.each(['${env:NONE', '${env:}', '${env:NONE:+x}', '${env:A B}'])(
    'are refused when they are written %s',
    async (value) => {
      expect(await failure(yaml(value))).toEqual({
        code: 'PHLO_CONFIG_INVALID',
        message: `${JSON.stringify(value)} is no reference to an environment variable`,
        hint: 'Write ${env:NAME} or ${env:NAME:-default}.',
        at: '7:17',
      })
    },
  )

  it('are not asked for in profiles that are not chosen', async () => {
    const both = `${yaml('x')}  other:\n    engine: { use: trino, with: { server: "\${env:NONE}" } }\n`
    await expect(load(both)).resolves.toMatchObject({ profile: 'local' })
    expect(await failure(both, { profile: 'other' })).toMatchObject({
      message: 'The environment variable NONE is not set',
    })
  })
})

describe('secrets', () => {
  const redact = async (yaml: string, env: Env, text: string) =>
    (await load(yaml, { env })).environment.secrets.redact(text)

  it('are known by the names of variables and of options', async () => {
    const env = { DB_PASSWORD: 'hunter2', API_KEY: 'k-123', PGPASS: 'word1', DB_PASS: 'word2', HOST: 'public' }
    expect(await redact('name: p\n', env, 'hunter2 k-123 word2 public')).toBe('*** *** *** public')
    const yaml = 'name: p\nplugins: [{ use: a, with: { accessKey: "${env:ID}", region: "${env:HOST}" } }]\n'
    expect(await redact(yaml, { ID: 'AKIA7', HOST: 'public' }, 'AKIA7 at public')).toBe('*** at public')
  })

  it('are the passwords of URLs, as written and as meant', async () => {
    const yaml = 'name: p\nplugins: [{ use: a, with: { url: "postgres://me:${env:PW}@db/x" } }]\n'
    expect(await redact(yaml, { PW: 'p%40ss!' }, 'p%40ss! p@ss! postgres://me:p%40ss!@db/x')).toBe(
      '*** *** postgres://me:***@db/x',
    )
    expect(await redact('name: p\n', { MARTS: 'https://u:open-sesame@h' }, 'open-sesame')).toBe('***')
  })

  it('are found as URLs and JSON spell them, and as parts of one another', async () => {
    const env = { TOKEN: 'a/b "c"\n', OTHER_TOKEN: 'a/b "c"\nand more' }
    const said = [env.TOKEN, encodeURIComponent(env.TOKEN), JSON.stringify({ x: env.TOKEN }), env.OTHER_TOKEN]
    for (const text of said) expect(await redact('name: p\n', env, text)).not.toMatch(/a(\/|%2F)b|more/)
  })

  it('are never ordinary words', async () => {
    const env = { TOKEN_CHECK: 'true', NPM_TOKEN: 'abc', PRIVATE: 'None' }
    expect(await redact('name: p\n', env, 'true abc None')).toBe('true abc None')
  })
})
