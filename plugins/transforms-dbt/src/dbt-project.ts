import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { hasSystemCode, PhloError, type SourceLocation } from '@phlo/ports'
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

const Test = z.union([z.string(), z.record(z.string(), z.unknown())])
const Column = z.object({
  name: z.string(),
  description: z.string().optional(),
  tests: z.array(Test).optional(),
  data_tests: z.array(Test).optional(),
})
const Model = z.object({
  name: z.string(),
  description: z.string().optional(),
  columns: z.array(Column).optional(),
  tests: z.array(Test).optional(),
  data_tests: z.array(Test).optional(),
  config: z.record(z.string(), z.unknown()).optional(),
})
const Source = z.object({
  name: z.string(),
  schema: z.string().optional(),
  tables: z.array(z.object({ name: z.string(), identifier: z.string().optional() })).default([]),
})
const PropertiesFile = z.object({
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
  const settings = parse(ProjectFile, await YamlFile.read(path.join(dir, 'dbt_project.yml')))
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
  const tests: string[] = []
  for (const folder of settings['test-paths'])
    tests.push(...(await filesBelow(path.join(dir, folder))).filter((file) => file.endsWith('.sql')))
  return { dir, settings, models, tests, properties, sources }
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
  for (const source of parsed.sources) {
    for (const table of source.tables) {
      sources.set(`${source.name}.${table.name}`, {
        schema: source.schema ?? source.name,
        name: table.identifier ?? table.name,
      })
    }
  }
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
      const [type, given] = typeof test === 'string' ? [test, {}] : (Object.entries(test)[0] ?? ['', {}])
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
