import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

/** What loading a project gave, as far as tests look at it. */
export interface Loaded {
  readonly assets?: readonly {
    readonly key: string
    readonly checks: readonly { readonly name: string }[]
    readonly location?: { readonly file: string; readonly line?: number }
    readonly rows?: unknown
  }[]
  readonly schedules?: readonly { readonly name: string; readonly location?: unknown }[]
  readonly files?: readonly string[]
  readonly error?: {
    readonly code: string
    readonly message: string
    readonly hint?: string
    /** `file:line:column`, relative to the project. */
    readonly at?: string
  }
  readonly types?: {
    readonly status: string
    readonly problems?: readonly { readonly at: string; readonly message: string }[]
  }
}

const stub = "export default { apiVersion: 1, name: 'stub', provides: [], setup: () => [] }\n"

/** Every place of the profile taken by a plugin that does nothing: only loading is of interest. */
const base: Readonly<Record<string, string>> = {
  'phlo.yaml': `name: p
profiles:
  local:
    storage: { use: '@test/stub' }
    catalog: { use: '@test/stub' }
    engine: { use: '@test/stub' }
    state: { use: '@test/stub' }
`,
  ...Object.fromEntries(
    ['@phlo/quality', '@phlo/source-files', '@phlo/source-http', '@phlo/source-postgres', '@test/stub'].flatMap(
      (name) => [
        [`node_modules/${name}/package.json`, JSON.stringify({ name, type: 'module', main: 'index.js' })],
        [`node_modules/${name}/index.js`, stub],
      ],
    ),
  ),
}

/** Run by Node itself, which is how users' files are loaded: a test runner has a module loader of its own. */
const script = `
const [loading, dir, program, what] = process.argv.slice(1)
const { openWorkspace, checkTypes } = await import(loading)
const at = ({ file, line, column } = {}) => file && [file.startsWith(dir + '/') ? file.slice(dir.length + 1) : file, line, column].filter((part) => part !== undefined).join(':')
const said = {}
try {
  const { graph, schedules, workflows, composition } = await openWorkspace({ from: dir, env: {}, programUrl: program })
  said.assets = []
  for (const asset of graph.assets) {
    const rows = what === 'rows' ? await asset.source.load({}) : undefined
    said.assets.push({ key: asset.key, checks: asset.checks, location: asset.location, rows })
  }
  said.schedules = schedules
  said.files = workflows.files.map((file) => file.slice(dir.length + 1))
  if (what === 'types') {
    const types = await checkTypes(workflows.files, workflows.hash, dir, program)
    said.types = { ...types, problems: types.problems?.map(({ message, location }) => ({ message, at: at(location) })) }
  }
  await composition.close()
} catch (error) {
  const { code, message, hint, location, stack } = error
  said.error = code ? { code, message, hint, at: at(location) } : { code: 'none', message: stack }
}
console.log(JSON.stringify(said))
`

const packageFolder = fileURLToPath(new URL('../..', import.meta.url))

/** A project in a temporary folder, loaded by the built package in a process of its own. */
export class FixtureProject {
  readonly dir: string

  private constructor(dir: string) {
    this.dir = dir
  }

  static async make(files: Readonly<Record<string, string>>, name = 'project'): Promise<FixtureProject> {
    const parent = await realpath(await mkdtemp(path.join(os.tmpdir(), 'phlo-fixture-')))
    const project = new FixtureProject(path.join(parent, name))
    for (const [file, content] of Object.entries({ ...base, ...files })) await project.write(file, content)
    return project
  }

  async write(name: string, content: string): Promise<void> {
    const file = path.join(this.dir, name)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, content)
  }

  /** `rows`: also calls the assets' functions; `types`: also checks types. */
  async load(what: 'declarations' | 'rows' | 'types' = 'declarations'): Promise<Loaded> {
    const built = (file: string) => pathToFileURL(path.join(packageFolder, 'dist', file)).href
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '-e',
      script,
      built('loading/index.js'),
      this.dir,
      built('index.js'),
      what,
    ])
    return JSON.parse(stdout) as Loaded
  }

  async close(): Promise<void> {
    await rm(path.dirname(this.dir), { recursive: true, force: true })
  }
}
