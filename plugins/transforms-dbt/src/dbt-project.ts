import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { hasSystemCode, nearest, PhloError, type SourceLocation } from '@phlo/ports'
import { z } from 'zod'
import { YamlFile } from './yaml-file.js'

const Tree: z.ZodType<Record<string, unknown>> = z.record(z.string(), z.unknown())

/** The keys of dbt_project.yml that mean something here; what dbt knows beside them is refused rather than passed over. */
const ProjectFile = z.strictObject({
  name: z.string(),
  version: z.union([z.string(), z.number()]).optional(),
  'config-version': z.literal(2).optional(),
  profile: z.string().optional(),
  'model-paths': z.array(z.string()).default(['models']),
  'test-paths': z.array(z.string()).default(['tests']),
  models: Tree.optional(),
  vars: Tree.optional(),
})
export type ProjectFile = z.infer<typeof ProjectFile>

/*
 * Properties files, of which the same is true. Keys that only document are let pass: nothing would come of them.
 */
const documentation = { description: z.string().optional(), meta: z.unknown().optional(), docs: z.unknown().optional() }

const Test = z.union([z.string(), z.record(z.string(), z.unknown())])
const Column = z.strictObject({
  name: z.string(),
  ...documentation,
  data_type: z.string().optional(),
  quote: z.boolean().optional(),
  tags: z.unknown().optional(),
  tests: z.array(Test).optional(),
  data_tests: z.array(Test).optional(),
})
const Model = z.strictObject({
  name: z.string(),
  ...documentation,
  columns: z.array(Column).optional(),
  tests: z.array(Test).optional(),
  data_tests: z.array(Test).optional(),
  config: z.record(z.string(), z.unknown()).optional(),
})
const SourceTable = z.strictObject({
  name: z.string(),
  ...documentation,
  identifier: z.string().optional(),
  tags: z.unknown().optional(),
  columns: z.array(Column.omit({ tests: true, data_tests: true })).optional(),
})
const Source = z.strictObject({
  name: z.string(),
  ...documentation,
  schema: z.string().optional(),
  tags: z.unknown().optional(),
  tables: z.array(SourceTable).default([]),
})
const PropertiesFile = z.strictObject({
  version: z.unknown().optional(),
  models: z.array(Model).default([]),
  sources: z.array(Source).default([]),
})

/** A test as a properties file declares it. */
export interface YamlTest {
  readonly type: string
  readonly column?: string
  readonly arguments: Readonly<Record<string, unknown>>
  readonly location: SourceLocation
}

/** What properties files say of a model. */
export interface ModelProperties {
  readonly description?: string
  readonly columnDocs: Readonly<Record<string, string>>
  readonly config: Readonly<Record<string, unknown>>
  readonly tests: readonly YamlTest[]
  readonly location: SourceLocation
}

/** A dbt project's folder, read. */
export interface DbtProject {
  readonly dir: string
  readonly settings: ProjectFile
  /** Absolute paths of `.sql` files, with the folders between the model path and the file. */
  readonly models: readonly { readonly file: string; readonly folders: readonly string[] }[]
  readonly tests: readonly string[]
  readonly properties: ReadonlyMap<string, ModelProperties>
  /** By `source.table`: the table's schema and name. */
  readonly sources: ReadonlyMap<string, { readonly schema: string; readonly name: string }>
}

/** Throws PHLO_CONFIG_INVALID with file, line and column. */
export async function readDbtProject(dir: string): Promise<DbtProject> {
  const file = await YamlFile.read(path.join(dir, 'dbt_project.yml'))
  const settings = parse(ProjectFile, file)
  const models: { file: string; folders: string[] }[] = []
  const properties = new Map<string, ModelProperties>()
  const sources = new Map<string, { schema: string; name: string }>()
  for (const folder of settings['model-paths']) {
    const root = path.join(dir, folder)
    for (const file of await filesBelow(root)) {
      if (file.endsWith('.sql'))
        models.push({ file, folders: path.relative(root, path.dirname(file)).split(path.sep).filter(Boolean) })
      if (/\.ya?ml$/.test(file)) await readProperties(file, properties, sources)
    }
  }
  requireFolders(file, settings, models)
  const tests: string[] = []
  for (const folder of settings['test-paths'])
    tests.push(...(await filesBelow(path.join(dir, folder))).filter((file) => file.endsWith('.sql')))
  return { dir, settings, models, tests, properties, sources }
}

/** Configs under a name that is no folder and no model would mean nothing. */
function requireFolders(
  file: YamlFile,
  settings: ProjectFile,
  models: readonly { readonly file: string; readonly folders: readonly string[] }[],
): void {
  const paths = models.map((model) => [settings.name, ...model.folders, path.basename(model.file, '.sql')])
  const visit = (tree: Readonly<Record<string, unknown>>, at: readonly string[]): void => {
    for (const [key, value] of Object.entries(tree)) {
      if (key.startsWith('+') || typeof value !== 'object' || value === null || Array.isArray(value)) continue
      const place = [...at, key]
      const known = [
        ...new Set(paths.filter((own) => at.every((part, index) => own[index] === part)).map((own) => own[at.length])),
      ]
      if (!known.includes(key)) {
        const names = known.filter((name) => name !== undefined)
        const near = nearest(key, names)
        throw new PhloError('PHLO_CONFIG_INVALID', `models: ${place.join('.')} is no folder of models and no model`, {
          hint: near === undefined ? `Here are: ${names.join(', ')}.` : `Did you mean ${near}?`,
          location: file.locate(['models', ...place]),
        })
      }
      visit(value as Readonly<Record<string, unknown>>, place)
    }
  }
  visit(settings.models ?? {}, [])
}

async function readProperties(
  file: string,
  properties: Map<string, ModelProperties>,
  sources: Map<string, { schema: string; name: string }>,
): Promise<void> {
  const yaml = await YamlFile.read(file)
  const parsed = parse(PropertiesFile, yaml)
  parsed.models.forEach((model, index) => {
    const at = ['models', index]
    const other = properties.get(model.name)
    if (other) {
      throw new PhloError('PHLO_CONFIG_INVALID', `The model ${model.name} is described twice`, {
        hint: `The other place is ${other.location.file}:${other.location.line ?? 1}.`,
        location: yaml.locate(at),
      })
    }
    const columns = model.columns ?? []
    const tests = [
      ...testsOf(model, yaml, at, undefined),
      ...columns.flatMap((column, position) => testsOf(column, yaml, [...at, 'columns', position], column.name)),
    ]
    properties.set(model.name, {
      ...(model.description !== undefined && { description: model.description }),
      columnDocs: Object.fromEntries(
        columns.flatMap(({ name, description }) => (description === undefined ? [] : [[name, description]])),
      ),
      config: model.config ?? {},
      tests,
      location: yaml.locate([...at, 'name']),
    })
  })
  parsed.sources.forEach((source, index) => {
    source.tables.forEach((table, position) => {
      const name = `${source.name}.${table.name}`
      if (sources.has(name)) {
        throw new PhloError('PHLO_CONFIG_INVALID', `The source ${name} is described twice`, {
          location: yaml.locate(['sources', index, 'tables', position, 'name']),
        })
      }
      sources.set(name, {
        schema: source.schema ?? source.name,
        name: table.identifier ?? table.name,
      })
    })
  })
}

function testsOf(
  holder: {
    readonly tests?: readonly z.infer<typeof Test>[] | undefined
    readonly data_tests?: readonly z.infer<typeof Test>[] | undefined
  },
  yaml: YamlFile,
  at: readonly (string | number)[],
  column: string | undefined,
): YamlTest[] {
  return (['tests', 'data_tests'] as const).flatMap((key) =>
    (holder[key] ?? []).map((test, index): YamlTest => {
      const location = yaml.locate([...at, key, index])
      const [[type, given] = ['', {}], ...others] =
        typeof test === 'string' ? [[test, {}] as const] : Object.entries(test)
      if (type === '' || others.length > 0) {
        throw new PhloError('PHLO_CONFIG_INVALID', 'A test is a name, or one name with its arguments below it', {
          hint: 'Write for instance `- accepted_values: { values: [a, b], severity: warn }`.',
          location,
        })
      }
      const { arguments: inner, ...direct } = (given ?? {}) as Record<string, unknown>
      return {
        type,
        ...(column !== undefined && { column }),
        arguments: { ...direct, ...(inner as object | undefined) },
        location,
      }
    }),
  )
}

function parse<T>(schema: z.ZodType<T>, yaml: YamlFile): T {
  const parsed = schema.safeParse(yaml.toValue() ?? {})
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues as [z.core.$ZodIssue]
  const at = issue.path.map((key) => (typeof key === 'number' ? key : String(key)))
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  const problem =
    unknown === undefined ? `${at.join('.') || 'the file'}: ${issue.message}` : `${unknown} is not supported`
  throw new PhloError('PHLO_CONFIG_INVALID', problem, {
    location: yaml.locate(unknown === undefined ? at : [...at, unknown]),
  })
}

/** Every file below the folder in the order of their paths; a folder that is not there has none. */
async function filesBelow(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true, recursive: true })
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort()
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return []
    throw error
  }
}
