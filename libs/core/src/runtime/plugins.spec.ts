import { afterEach, describe, expect, it } from '@jest/globals'
import { access, readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import {
  CheckKindPort,
  definePlugin,
  EventListenerPort,
  ObjectStorePort,
  type PluginManifest,
  provide,
  StateStorePort,
} from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { z } from 'zod'
import { fakeKind } from '../testing/fake-engine.js'
import { MemoryStateStore } from '../testing/memory-state-store.js'
import { ProjectFolder } from '../testing/project-folder.js'
import { Composition } from './composition.js'
import { standardPlugins } from './config-schema.js'
import { openProject } from './open-project.js'
import { loadPlugin, packageName } from './plugin-loader.js'
import { loadProject } from './project-config.js'

let folder: ProjectFolder | undefined
afterEach(() => folder?.close())

const programUrl = import.meta.url

/** A package of plain JavaScript that a project or the program could have. */
const packageFiles = (name: string, code: string): Record<string, string> => ({
  [`node_modules/${name}/package.json`]: JSON.stringify({
    name,
    type: 'module',
    exports: { '.': { import: './index.js' } },
  }),
  [`node_modules/${name}/index.js`]: code,
})

const port = '{ name: "EventListener", token: Symbol.for("@phlo/ports/EventListener"), many: true }'
const silent = `export default { apiVersion: 1, name: 'silent', provides: [], setup: () => [] }`
const good = `export default { apiVersion: 1, name: 'good', provides: [${port}], setup: () => [] }`

/** Imports what a test says instead of compiling files. */
const importing = (module: unknown) => ({ programUrl, importFile: async () => module })

async function load(plugin: string, files: Record<string, string> = {}, module: unknown = {}) {
  folder = await ProjectFolder.make({ 'phlo.yaml': `name: p\nplugins:\n  - ${plugin}\n`, ...files })
  const project = await loadProject(folder.dir, { env: {} })
  return loadPlugin(project.plugins.at(-1)!, project, importing(module))
}

async function failure(...given: Parameters<typeof load>): Promise<Record<string, unknown>> {
  try {
    await load(...given)
  } catch (error) {
    const { code, message, hint, location } = error as Record<string, unknown> & { location?: Record<string, unknown> }
    return { code, message, hint, at: location && `${String(location['line'])}:${String(location['column'])}` }
  }
  throw new Error('nothing was thrown')
}

describe('loading a plugin', () => {
  it('takes short names in places, whole names and paths anywhere', () => {
    expect(packageName('minio', 'storage')).toBe('@phlo/storage-minio')
    expect(packageName('dbt', 'transforms')).toBe('@phlo/transforms-dbt')
    expect(packageName('@acme/lake', 'storage')).toBe('@acme/lake')
    expect(packageName('acme', undefined)).toBe('acme')
    expect(packageName('./own.ts', 'engine')).toBe('./own.ts')
  })

  it('finds a package of the project’s own, also one that only imports', async () => {
    const { manifest, options, location } = await load('use: acme-plugin', packageFiles('acme-plugin', good))
    expect(manifest.name).toBe('good')
    expect(options).toEqual({})
    expect(location).toMatchObject({ line: 3, column: 10 })
  })

  it('prefers the project’s own package to the program’s', async () => {
    const program = await ProjectFolder.make(packageFiles('acme-plugin', good.replace("'good'", "'program’s'")))
    const url = pathToFileURL(path.join(program.dir, 'main.js')).href
    try {
      const name = async (files: Record<string, string>) => {
        folder = await ProjectFolder.make({ 'phlo.yaml': 'name: p\nplugins: [{ use: acme-plugin }]\n', ...files })
        const project = await loadProject(folder.dir, { env: {} })
        const loading = { programUrl: url, importFile: async () => undefined }
        return (await loadPlugin(project.plugins.at(-1)!, project, loading)).manifest.name
      }
      expect(await name({})).toBe('program’s')
      await folder?.close()
      expect(await name(packageFiles('acme-plugin', good))).toBe('good')
    } finally {
      await program.close()
    }
  })

  it('imports a file of the project', async () => {
    const manifest = definePlugin({ apiVersion: 1, name: 'own', provides: [], setup: () => [] })
    const files = { 'plugins/own.ts': '' }
    expect((await load('use: ./plugins/own.ts', files, { default: manifest })).manifest).toBe(manifest)
  })

  it.each([
    ['./plugins/none.ts', 'There is no file ./plugins/none.ts in the project’s folder'],
    ['../outside.ts', 'The plugin ../outside.ts is outside the project’s folder'],
    ['/etc/passwd', 'The plugin /etc/passwd is outside the project’s folder'],
    ['./plugins', 'There is no file ./plugins in the project’s folder'],
  ])('refuses the path %s', async (use, message) => {
    expect(await failure(`use: ${use}`, { 'plugins/own.ts': '' })).toEqual({
      code: 'PHLO_PLUGIN_NOT_FOUND',
      message,
      hint: undefined,
      at: '3:10',
    })
  })

  it('names the known ones, the nearest, and what to install, when there is no such plugin', async () => {
    expect(await failure('use: acme-plugin')).toMatchObject({
      code: 'PHLO_PLUGIN_NOT_FOUND',
      message: 'There is no plugin "acme-plugin"',
      hint: expect.stringMatching(/Install it: npm install acme-plugin$/),
      at: '3:10',
    })
    const packages = JSON.stringify({ dependencies: { '@phlo/engine-trino': '1', '@phlo/engine-spark': '1' } })
    folder = await ProjectFolder.make({
      'phlo.yaml': 'name: p\nprofiles:\n  local:\n    engine: { use: trinoo }\n',
      'package.json': packages,
    })
    const project = await loadProject(folder.dir, { env: {} })
    const loading = { programUrl: pathToFileURL(path.join(folder.dir, 'main.js')).href, importFile: async () => ({}) }
    const engine = project.plugins.find(({ place }) => place === 'engine')!
    await expect(loadPlugin(engine, project, loading)).rejects.toMatchObject({
      code: 'PHLO_PLUGIN_NOT_FOUND',
      message: 'There is no plugin "trinoo" for engine',
      hint: 'Did you mean trino? Known: spark, trino.',
      location: { line: 4, column: 20 },
      context: { plugin: '@phlo/engine-trinoo', known: ['spark', 'trino'] },
    })
  })

  it.each([
    ['no default export', 'export const plugin = {}', 'it has no default export'],
    ['a default export that is no object', 'export default 7', 'it has no default export'],
    [
      'another version of the contract',
      good.replace('apiVersion: 1', 'apiVersion: 2'),
      'it is made for version 2 of the plugin contract, not 1',
    ],
    ['no version at all', 'export default {}', 'it is made for version undefined of the plugin contract, not 1'],
    ['no setup', good.replace('setup', 'start'), 'its default export lacks name, provides or setup'],
    ['no name', good.replace("name: 'good', ", ''), 'its default export lacks name, provides or setup'],
    [
      'provides that are no ports',
      good.replace(port, '"EventListener"'),
      'its default export lacks name, provides or setup',
    ],
    ['options that are no schema', good.replace('setup', 'options: {}, setup'), 'its options are no Standard Schema'],
  ])('refuses one with %s', async (_name, code, problem) => {
    expect(await failure('use: acme-plugin', packageFiles('acme-plugin', code))).toMatchObject({
      code: 'PHLO_PLUGIN_INVALID',
      message: `acme-plugin is no plugin that Phlo can use: ${problem}`,
      at: '3:10',
    })
  })

  it('says why one cannot be imported', async () => {
    expect(
      await failure('use: acme-plugin', packageFiles('acme-plugin', 'throw new Error("no native module")')),
    ).toMatchObject({
      code: 'PHLO_PLUGIN_INVALID',
      message: 'The plugin acme-plugin cannot be imported: no native module',
      at: '3:10',
    })
    const hidden = {
      'node_modules/acme-plugin/package.json': JSON.stringify({
        name: 'acme-plugin',
        exports: { './other': './x.js' },
      }),
    }
    expect(await failure('use: acme-plugin', hidden)).toMatchObject({ code: 'PHLO_PLUGIN_INVALID', at: '3:10' })
  })

  const withOptions = (options: PluginManifest['options']) => ({
    default: { apiVersion: 1, name: 'own', provides: [], setup: () => [], ...(options && { options }) },
  })
  const own = { 'own.ts': '' }

  it('hands over options as the plugin’s own schema makes them', async () => {
    const schema = z.strictObject({ bucket: z.string(), retries: z.int().default(3) })
    expect((await load('{ use: ./own.ts, with: { bucket: b } }', own, withOptions(schema))).options).toEqual({
      bucket: 'b',
      retries: 3,
    })
  })

  it('refuses options that the plugin’s schema refuses, at their place', async () => {
    const schema = z.strictObject({ bucket: z.string(), tls: z.strictObject({ verify: z.boolean() }).optional() })
    expect(await failure('{ use: ./own.ts, with: { bukket: b, bucket: c } }', own, withOptions(schema))).toEqual({
      code: 'PHLO_CONFIG_INVALID',
      message: 'Unknown key "bukket" in plugins.0.with',
      hint: 'Did you mean bucket? Known keys: bucket, tls.',
      at: '3:30',
    })
    expect(
      await failure('{ use: ./own.ts, with: { bucket: b, tls: { verify: 1 } } }', own, withOptions(schema)),
    ).toEqual({
      code: 'PHLO_CONFIG_INVALID',
      message: 'plugins.0.with.tls.verify: Invalid input: expected boolean, received number',
      hint: undefined,
      at: '3:56',
    })
    expect(await failure('{ use: ./own.ts }', own, withOptions(schema))).toMatchObject({
      message: 'plugins.0.with.bucket: Invalid input: expected string, received undefined',
      at: '3:5',
    })
    expect(await failure('{ use: ./own.ts, with: { a: 1 } }', own, withOptions(undefined))).toMatchObject({
      message: 'own takes no options, so "a" means nothing',
      at: '3:30',
    })
  })

  it('takes any Standard Schema, not only zod’s', async () => {
    const schema = {
      '~standard': {
        version: 1 as const,
        vendor: 'other',
        validate: () => ({ issues: [{ code: 'unrecognized_keys', keys: ['a'], message: 'unknown a', path: [] }] }),
      },
    }
    expect(await failure('{ use: ./own.ts, with: { a: 1 } }', own, withOptions(schema))).toMatchObject({
      code: 'PHLO_CONFIG_INVALID',
      message: 'Unknown key "a" in plugins.0.with',
      at: '3:30',
    })
  })
})

const project = { name: 'p', dir: '/project', stateDir: '/project/.phlo' }
const loaded = (manifest: Partial<PluginManifest>, location?: { file: string; line: number }) => ({
  manifest: { apiVersion: 1, name: 'plugin', provides: [], setup: () => [], ...manifest },
  options: {},
  location,
})

describe('a composition', () => {
  const log: string[] = []
  const closing = (name: string, fails = false) => {
    return () => {
      log.push(`close ${name}`)
      if (fails) throw new Error(`${name} does not close`)
    }
  }
  afterEach(() => void log.splice(0))

  const storage = loaded({
    name: 'storage',
    provides: [ObjectStorePort],
    setup: () => [provide(ObjectStorePort, new MemoryObjectStore(), closing('storage'))],
  })
  const state = loaded({
    name: 'state',
    provides: [StateStorePort],
    requires: [ObjectStorePort],
    setup: async ({ get }) => {
      log.push(`state gets ${typeof get(ObjectStorePort).put}`)
      return [provide(StateStorePort, new MemoryStateStore(), closing('state'))]
    },
  })

  it('sets plugins up behind what they require, and closes them in reverse', async () => {
    const composition = await Composition.of([state, storage], project)
    expect(composition.get(ObjectStorePort)).toBeInstanceOf(MemoryObjectStore)
    expect(composition.find(StateStorePort)).toBeInstanceOf(MemoryStateStore)
    await composition.close()
    await composition.close()
    expect(log).toEqual(['state gets function', 'close state', 'close storage'])
  })

  it('has many adapters of ports that can have many, and none of others', async () => {
    const kinds = ['a', 'b'].map((kind) =>
      loaded({ name: kind, provides: [CheckKindPort], setup: () => [provide(CheckKindPort, { ...fakeKind, kind })] }),
    )
    const composition = await Composition.of(kinds, project)
    expect(composition.all(CheckKindPort).map(({ kind }) => kind)).toEqual(['a', 'b'])
    expect(composition.all(EventListenerPort)).toEqual([])
    expect(composition.find(ObjectStorePort)).toBeUndefined()
    expect(() => composition.get(ObjectStorePort)).toThrow(
      expect.objectContaining({ code: 'PHLO_PORT_MISSING', message: 'No plugin of the profile provides ObjectStore' }),
    )
  })

  it('keeps projects that are open at the same time apart', async () => {
    const [one, other] = [await Composition.of([storage], project), await Composition.of([storage], project)]
    expect(one.get(ObjectStorePort)).not.toBe(other.get(ObjectStorePort))
    expect((await Composition.of([], project)).find(ObjectStorePort)).toBeUndefined()
  })

  const location = { file: 'phlo.yaml', line: 3 }
  it.each<[string, Parameters<typeof loaded>[0][], Record<string, unknown>]>([
    [
      'a port that no plugin provides',
      [{ requires: [ObjectStorePort] }],
      {
        code: 'PHLO_PORT_MISSING',
        message: 'plugin needs ObjectStore, which no plugin of the profile provides',
        location,
      },
    ],
    [
      'plugins that require each other',
      [
        { name: 'a', provides: [ObjectStorePort], requires: [StateStorePort] },
        { name: 'b', provides: [StateStorePort], requires: [ObjectStorePort] },
      ],
      { code: 'PHLO_PLUGIN_INVALID', message: 'Plugins require each other in a circle: a, b' },
    ],
    [
      'two adapters of a port of which there is one',
      [storage.manifest, { ...storage.manifest, name: 'other' }],
      { message: 'storage and other both provide ObjectStore, of which there is one', location },
    ],
    [
      'a plugin that does not provide what it says',
      [{ provides: [ObjectStorePort] }],
      { message: 'plugin says that it provides ObjectStore, and does not', location },
    ],
    [
      'a plugin that provides what it does not say',
      [{ setup: () => [provide(ObjectStorePort, new MemoryObjectStore())] }],
      { message: 'plugin provides ObjectStore without saying so', location },
    ],
    [
      'a plugin that asks for what it does not require',
      [storage.manifest, { setup: ({ get }) => [provide(ObjectStorePort, get(ObjectStorePort))] }],
      { message: 'plugin asks for ObjectStore without requiring it', location },
    ],
    [
      'a setup that gives nothing',
      [{ setup: () => undefined as never }],
      { message: 'The setup of plugin gave no list of adapters', location },
    ],
    [
      'a setup that fails',
      [
        {
          setup: () => {
            throw new Error('no route to host')
          },
        },
      ],
      { code: 'PHLO_PLUGIN_INVALID', message: 'plugin cannot be set up: no route to host', location },
    ],
  ])('is refused with %s', async (_name, manifests, expected) => {
    const plugins = manifests.map((manifest) => loaded(manifest, location))
    await expect(Composition.of(plugins, project)).rejects.toMatchObject({ code: 'PHLO_PLUGIN_INVALID', ...expected })
  })

  it('closes everything that was set up when a later plugin fails, and tells of the failure', async () => {
    const failing = loaded({
      name: 'failing',
      provides: [StateStorePort],
      requires: [ObjectStorePort],
      setup: () => [
        provide(StateStorePort, new MemoryStateStore(), closing('first', true)),
        provide(ObjectStorePort, new MemoryObjectStore(), closing('second')),
      ],
    })
    await expect(Composition.of([storage, failing], project)).rejects.toMatchObject({
      message: 'failing provides ObjectStore without saying so',
    })
    expect(log).toEqual(['close second', 'close first', 'close storage'])
  })

  it('closes all adapters even when one fails, and throws that failure', async () => {
    const failing = loaded({
      name: 'failing',
      provides: [StateStorePort],
      setup: () => [provide(StateStorePort, new MemoryStateStore(), closing('state', true))],
    })
    const composition = await Composition.of([storage, failing], project)
    await expect(composition.close()).rejects.toThrow('state does not close')
    expect(log).toEqual(['close state', 'close storage'])
  })
})

describe('opening a project', () => {
  /** Every place taken by a file of the project; the standard plugins are the program's. */
  const places = ['storage', 'catalog', 'engine', 'state']
    .map((place) => `    ${place}: { use: ./${place}.js }`)
    .join('\n')
  const yaml = `name: p\nprofiles:\n  local:\n${places}\nplugins: [${standardPlugins.map((use) => `{ use: "${use}" }`).join(', ')}]\n`
  const files = {
    'phlo.yaml': yaml,
    ...Object.fromEntries(['storage', 'catalog', 'engine', 'state'].map((place) => [`${place}.js`, silent])),
    ...(Object.assign({}, ...standardPlugins.map((use) => packageFiles(use, silent))) as Record<string, string>),
  }
  const importFile = async (file: string): Promise<unknown> => import(pathToFileURL(file).href)

  it('reads the file, loads the plugins, and has a folder for state', async () => {
    folder = await ProjectFolder.make({ ...files, 'a/b.txt': '' })
    const {
      project: opened,
      stateDir,
      composition,
    } = await openProject({
      from: path.join(folder.dir, 'a'),
      env: {},
      programUrl,
      importFile,
    })
    expect({ name: opened.config.name, stateDir }).toEqual({ name: 'p', stateDir: path.join(folder.dir, '.phlo') })
    await access(stateDir)
    await composition.close()
  })

  it('fills environment values into the options that workflows give to sources', async () => {
    const source = `const port = { name: 'Source', token: Symbol.for('@phlo/ports/Source'), many: true }
      const adapter = { kind: 'echo', read: async (options) => ({ inputs: [options] }), version: async ({ key }) => key }
      const setup = () => [{ port, adapter }]
      export default { apiVersion: 1, name: 'echo', provides: [port], setup }`
    folder = await ProjectFolder.make({
      ...files,
      'source.js': source,
      'phlo.yaml': yaml.replace('[{', '[{ use: ./source.js }, {'),
    })
    const { sources, composition } = await openProject({
      from: folder.dir,
      env: { API_KEY: 'open-sesame' },
      programUrl,
      importFile,
    })
    const context = { projectDir: folder.dir, signal: new AbortController().signal }
    const since = new Date(0)
    const options = { key: '${env:API_KEY}', query: ['a ${env:NONE:-default}', 1, null], since }
    expect(await sources[0]?.read(options, context)).toEqual({
      inputs: [{ key: 'open-sesame', query: ['a default', 1, null], since }],
    })
    expect(await sources[0]?.version(options, context)).toBe('open-sesame')
    await expect(sources[0]?.read({ key: '${env:NOWHERE}' }, context)).rejects.toMatchObject({
      code: 'PHLO_CONFIG_INVALID',
      message: 'The environment variable NOWHERE is not set',
    })
    await composition.close()
  })

  it('shows no secret when a plugin’s error holds one', async () => {
    const leaking = `export default { apiVersion: 1, name: 'leaking', provides: [], setup: () => {
      throw new Error('cannot reach postgres://me:open-sesame@db')
    } }`
    folder = await ProjectFolder.make({ ...files, 'storage.js': leaking })
    const opening = openProject({ from: folder.dir, env: { DB_PASSWORD: 'open-sesame' }, programUrl, importFile })
    const error = (await opening.catch((reason: unknown) => reason)) as Error
    expect(error).toMatchObject({
      code: 'PHLO_PLUGIN_INVALID',
      message: 'leaking cannot be set up: cannot reach postgres://me:***@db',
    })
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('open-sesame')
  })
})

describe('the container', () => {
  it('is known to one file only', async () => {
    const root = fileURLToPath(new URL('../../../..', import.meta.url))
    const naming: string[] = []
    for (const rooms of ['libs', 'plugins', 'apps']) {
      for (const room of await readdir(path.join(root, rooms))) {
        const source = path.join(root, rooms, room, 'src')
        for (const name of await readdir(source, { recursive: true }).catch(() => [])) {
          if (!name.endsWith('.ts') || name.endsWith('.spec.ts')) continue
          const text = await readFile(path.join(source, name), 'utf8')
          if (/from 'tsyringe'|import\('tsyringe'\)/.test(text)) naming.push(path.join(rooms, room, 'src', name))
        }
      }
    }
    expect(naming).toEqual([path.join('libs', 'core', 'src', 'runtime', 'composition.ts')])
  })
})
