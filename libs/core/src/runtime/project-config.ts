import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { hasSystemCode, issuePath, nearest, PhloError, type StandardIssue } from '@phlo/ports'
import { Environment } from './environment.js'
import { defaultPlugins, type PluginUse, ProjectConfig, type ProfilePlace, profilePlaces } from './config-schema.js'
import { YamlDocument } from './yaml-document.js'

/** A plugin as the chosen profile uses it. */
export interface ChosenPlugin {
  readonly use: string
  /** The place that it takes in the profile; plugins beside it have none. */
  readonly place: ProfilePlace | 'transforms' | undefined
  /** Environment values are filled in. */
  readonly options: unknown
  /** Where it is said in phlo.yaml; absent for what Phlo adds by itself. */
  readonly yamlPath: readonly (string | number)[] | undefined
}

/** A project's folder, read and checked. */
export interface LoadedProject {
  readonly dir: string
  readonly config: ProjectConfig
  readonly document: YamlDocument
  readonly environment: Environment
  /** The name of the chosen profile. */
  readonly profile: string
  readonly plugins: readonly ChosenPlugin[]
}

const fileName = 'phlo.yaml'

/** The folder with `phlo.yaml` at or above `from`. Throws PHLO_PROJECT_NOT_FOUND. */
export async function findProject(from: string): Promise<string> {
  for (let folder = path.resolve(from); ; folder = path.dirname(folder)) {
    const found = await stat(path.join(folder, fileName)).catch(() => undefined)
    if (found?.isFile()) return folder
    if (path.dirname(folder) === folder) {
      throw new PhloError('PHLO_PROJECT_NOT_FOUND', `There is no ${fileName} in ${path.resolve(from)} or above it`, {
        hint: 'Go to a project’s folder, or make one: phlo init my-project',
      })
    }
  }
}

/**
 * Reads `phlo.yaml`, chooses the profile (`profile`, then PHLO_PROFILE, then the file's own) and fills in environment
 * values. Throws PHLO_CONFIG_INVALID with file, line and column, the known names and the nearest one.
 */
export async function loadProject(
  dir: string,
  options: { readonly profile?: string; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<LoadedProject> {
  const file = path.join(dir, fileName)
  const document = await YamlDocument.parse(file, await readFile(file, 'utf8'))
  const parsed = ProjectConfig.safeParse(document.toValue() ?? {})
  if (!parsed.success) throw invalidConfig(document, parsed.error.issues, ProjectConfig)
  const config = parsed.data
  const environment = await Environment.load(dir, options.env)
  const asked = options.profile ?? environment.get('PHLO_PROFILE')
  const profile = asked ?? config.profile
  const places = Object.hasOwn(config.profiles, profile) ? config.profiles[profile] : undefined
  // The default profile needs no words: it is what every place has by itself.
  if (!places && profile !== 'local') throw unknownProfile(document, profile, config, asked !== undefined)
  const plugins: ChosenPlugin[] = profilePlaces.map((place) => {
    const yamlPath = ['profiles', profile, place]
    return chosen(
      places?.[place] ?? { use: defaultPlugins[place] },
      place,
      places?.[place] ? yamlPath : undefined,
      environment,
      document,
    )
  })
  const transforms = config.transforms ?? ((await hasDbtProject(dir, config)) ? { use: 'dbt' } : undefined)
  if (transforms)
    plugins.push(chosen(transforms, 'transforms', config.transforms && ['transforms'], environment, document))
  config.plugins.forEach((plugin, index) =>
    plugins.push(chosen(plugin, undefined, ['plugins', index], environment, document)),
  )
  return { dir, config, document, environment, profile, plugins }
}

function chosen(
  { use, with: options }: PluginUse,
  place: ChosenPlugin['place'],
  yamlPath: readonly (string | number)[] | undefined,
  environment: Environment,
  document: YamlDocument,
): ChosenPlugin {
  const at = [...(yamlPath ?? []), 'with']
  return { use, place, yamlPath, options: environment.interpolate(options ?? {}, document, at) }
}

/** A dbt project where projects have theirs needs no words either. */
async function hasDbtProject(dir: string, config: ProjectConfig): Promise<boolean> {
  try {
    return (await stat(path.join(dir, config.workflows, 'transforms', 'dbt', 'dbt_project.yml'))).isFile()
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT', 'ENOTDIR')) return false
    throw error
  }
}

function unknownProfile(document: YamlDocument, profile: string, config: ProjectConfig, asked: boolean): PhloError {
  const known = [...new Set(['local', ...Object.keys(config.profiles)])]
  const near = nearest(profile, known)
  return new PhloError('PHLO_CONFIG_INVALID', `There is no profile ${JSON.stringify(profile)}`, {
    hint: `${near === undefined ? '' : `Did you mean ${near}? `}Profiles: ${known.join(', ')}.`,
    location: asked ? document.locate(['profiles']) : document.locate(['profile']),
    context: { profile, known },
  })
}

/** The first issue as an error at its place. `schema`, when it is one of zod's, tells which keys there could be. */
export function invalidConfig(
  document: YamlDocument,
  issues: readonly (StandardIssue & { readonly code?: string; readonly keys?: readonly string[] })[],
  schema: unknown,
  base: readonly (string | number)[] = [],
): PhloError {
  const issue = issues[0] as (typeof issues)[number]
  const at = [...base, ...issuePath(issue)]
  if (issue.code === 'unrecognized_keys' && issue.keys?.[0] !== undefined) {
    const [key] = issue.keys
    const known = keysAt(schema, issuePath(issue))
    const near = nearest(key, known)
    const hint = [
      ...(near === undefined ? [] : [`Did you mean ${near}?`]),
      ...(known.length === 0 ? [] : [`Known keys: ${known.join(', ')}.`]),
    ].join(' ')
    return new PhloError(
      'PHLO_CONFIG_INVALID',
      `Unknown key ${JSON.stringify(key)}${at.length === 0 ? '' : ` in ${at.join('.')}`}`,
      {
        ...(hint !== '' && { hint }),
        location: document.locateKey(at, key),
      },
    )
  }
  return new PhloError('PHLO_CONFIG_INVALID', `${at.join('.') || fileName}: ${issue.message}`, {
    location: document.locate(at),
  })
}

/** The keys that an object at that path of a zod schema may have. */
function keysAt(schema: unknown, path: readonly (string | number)[]): string[] {
  interface Node {
    readonly _zod?: {
      readonly def: {
        readonly innerType?: Node
        readonly valueType?: Node
        readonly element?: Node
        readonly shape?: Record<string, Node>
      }
    }
  }
  let node = schema as Node | undefined
  const unwrap = (wrapped: Node | undefined): Node | undefined => {
    let inner = wrapped
    while (inner?._zod?.def.innerType) inner = inner._zod.def.innerType
    return inner
  }
  for (const key of path) {
    const def = unwrap(node)?._zod?.def
    node = def?.shape?.[key] ?? def?.valueType ?? def?.element
  }
  return Object.keys(unwrap(node)?._zod?.def.shape ?? {})
}
