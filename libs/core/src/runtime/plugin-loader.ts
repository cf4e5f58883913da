import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import {
  errorMessage,
  hasSystemCode,
  isPhloError,
  nearest,
  PhloError,
  pluginApiVersion,
  type PluginManifest,
  type SourceLocation,
} from '@phlo/ports'
import { resolve } from 'import-meta-resolve'
import { invalidConfig, type ChosenPlugin, type LoadedProject } from './project-config.js'

/** A plugin that is found, checked, and whose options are valid. */
export interface LoadedPlugin {
  readonly manifest: PluginManifest
  readonly options: unknown
  readonly location: SourceLocation | undefined
}

export interface PluginLoading {
  /** URL of a module of the program: plugins that the project does not bring are looked for beside it. */
  readonly programUrl: string
  /** Imports a file of the project, TypeScript included. */
  readonly importFile: (file: string, projectDir: string) => Promise<unknown>
}

/** The packages that a short name in a place can mean. */
export function packageName(use: string, place: ChosenPlugin['place']): string {
  if (use.startsWith('@') || use.includes('/') || use.startsWith('.')) return use
  return place === undefined ? use : `@phlo/${place}-${use}`
}

/**
 * Finds and imports a plugin: a path from the project's folder, or a package of the project or else of the program.
 * Throws PHLO_PLUGIN_NOT_FOUND with the known names and what to install, PHLO_PLUGIN_INVALID, PHLO_CONFIG_INVALID for its
 * options; each with the place in phlo.yaml.
 */
export async function loadPlugin(
  plugin: ChosenPlugin,
  project: LoadedProject,
  loading: PluginLoading,
): Promise<LoadedPlugin> {
  const location = plugin.yamlPath && project.document.locate([...plugin.yamlPath, 'use'])
  const name = packageName(plugin.use, plugin.place)
  const module = await importPlugin(plugin, name, project, loading, location)
  const manifest = checkManifest(module, name, location)
  return { manifest, options: await checkOptions(manifest, plugin, project), location }
}

async function importPlugin(
  plugin: ChosenPlugin,
  name: string,
  project: LoadedProject,
  loading: PluginLoading,
  location: SourceLocation | undefined,
): Promise<unknown> {
  const at = location ? { location } : {}
  try {
    if (name.startsWith('.') || path.isAbsolute(name))
      return await loading.importFile(await insideProject(project.dir, name, at), project.dir)
    const url =
      resolveFrom(name, pathToFileURL(path.join(project.dir, 'phlo.yaml')).href) ??
      resolveFrom(name, loading.programUrl)
    if (url !== undefined) return (await import(url)) as unknown
  } catch (error) {
    if (isPhloError(error)) throw error
    throw new PhloError('PHLO_PLUGIN_INVALID', `The plugin ${name} cannot be imported: ${errorMessage(error)}`, {
      ...at,
      cause: error,
    })
  }
  const known = await knownPlugins(plugin.place, project.dir, loading.programUrl)
  const near = nearest(plugin.use, known)
  const install = name.startsWith('@phlo/') && plugin.use !== name ? '' : ` Install it: npm install ${name}`
  throw new PhloError(
    'PHLO_PLUGIN_NOT_FOUND',
    `There is no plugin ${JSON.stringify(plugin.use)}${plugin.place === undefined ? '' : ` for ${plugin.place}`}`,
    {
      hint: `${near === undefined ? '' : `Did you mean ${near}? `}${known.length === 0 ? '' : `Known: ${known.join(', ')}.`}${install}`.trim(),
      ...at,
      context: { plugin: name, known },
    },
  )
}

/** Paths of plugins stay inside the project's own folder. */
async function insideProject(dir: string, relative: string, at: { location?: SourceLocation }): Promise<string> {
  const file = path.resolve(dir, relative)
  if (!file.startsWith(dir + path.sep)) {
    throw new PhloError('PHLO_PLUGIN_NOT_FOUND', `The plugin ${relative} is outside the project’s folder`, at)
  }
  const found = await stat(file).catch(() => undefined)
  if (!found?.isFile())
    throw new PhloError('PHLO_PLUGIN_NOT_FOUND', `There is no file ${relative} in the project’s folder`, at)
  return file
}

/** `require.resolve` refuses packages that only import, and Node 20's `import.meta.resolve` knows no other parent. */
function resolveFrom(name: string, parent: string): string | undefined {
  try {
    return resolve(name, parent)
  } catch (error) {
    // The package is there, and what it exports is its own fault.
    if (!hasSystemCode(error, 'ERR_MODULE_NOT_FOUND')) throw error
    return undefined
  }
}

/** Short names that would be found for the place: dependencies of the program and of the project. */
async function knownPlugins(place: ChosenPlugin['place'], projectDir: string, programUrl: string): Promise<string[]> {
  const prefix = `@phlo/${place === undefined ? '' : `${place}-`}`
  const files = [path.join(projectDir, 'package.json'), await packageFileOf(fileURLToPath(programUrl))]
  const names = new Set<string>()
  for (const file of files) {
    if (file === undefined) continue
    try {
      const { dependencies = {}, devDependencies = {} } = JSON.parse(await readFile(file, 'utf8')) as Record<
        string,
        Record<string, string>
      >
      for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
        if (name.startsWith(prefix)) names.add(place === undefined ? name : name.slice(prefix.length))
      }
    } catch {
      // A project needs no package.json, and this list is only a help.
    }
  }
  return [...names].sort()
}

async function packageFileOf(module: string): Promise<string | undefined> {
  for (let folder = path.dirname(module); path.dirname(folder) !== folder; folder = path.dirname(folder)) {
    const file = path.join(folder, 'package.json')
    if (await stat(file).catch(() => undefined)) return file
  }
  return undefined
}

function checkManifest(module: unknown, name: string, location: SourceLocation | undefined): PluginManifest {
  const manifest = (module as { default?: Partial<PluginManifest> }).default
  const fault = (problem: string, hint: string) =>
    new PhloError('PHLO_PLUGIN_INVALID', `${name} is no plugin that Phlo can use: ${problem}`, {
      hint,
      ...(location && { location }),
    })
  if (typeof manifest !== 'object' || manifest === null)
    throw fault('it has no default export', 'Export default definePlugin({ … }).')
  if (manifest.apiVersion !== pluginApiVersion) {
    throw fault(
      `it is made for version ${String(manifest.apiVersion)} of the plugin contract, not ${pluginApiVersion}`,
      'Install a version of it that fits this version of Phlo.',
    )
  }
  if (
    typeof manifest.name !== 'string' ||
    typeof manifest.setup !== 'function' ||
    !isPorts(manifest.provides) ||
    !isPorts(manifest.requires ?? [])
  ) {
    throw fault('its default export lacks name, provides or setup', 'Export default definePlugin({ … }).')
  }
  if (manifest.options !== undefined && typeof manifest.options['~standard']?.validate !== 'function') {
    throw fault('its options are no Standard Schema', 'Declare them with zod, or another library that is one.')
  }
  return manifest as PluginManifest
}

function isPorts(value: unknown): boolean {
  return Array.isArray(value) && value.every((port: { token?: unknown } | null) => typeof port?.token === 'symbol')
}

async function checkOptions(manifest: PluginManifest, plugin: ChosenPlugin, project: LoadedProject): Promise<unknown> {
  const schema = manifest.options
  const at = [...(plugin.yamlPath ?? []), 'with']
  if (!schema) {
    const [key] = Object.keys(plugin.options ?? {})
    if (key === undefined) return {}
    throw new PhloError(
      'PHLO_CONFIG_INVALID',
      `${manifest.name} takes no options, so ${JSON.stringify(key)} means nothing`,
      {
        location: project.document.locateKey(at, key),
      },
    )
  }
  const result = await schema['~standard'].validate(plugin.options)
  if (!result.issues) return result.value
  throw invalidConfig(project.document, result.issues, schema, at)
}
