import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { PhloError, type Source, SourcePort, toPhloError } from '@phlo/ports'
import { Composition } from './composition.js'
import { standardPlugins } from './config-schema.js'
import { loadPlugin, type PluginLoading } from './plugin-loader.js'
import { type ChosenPlugin, findProject, loadProject, type LoadedProject } from './project-config.js'
import type { Secrets } from './secrets.js'
import { withEnvironment } from './sources.js'

export interface OpenOptions extends PluginLoading {
  /** The project is looked for here and above. */
  readonly from: string
  /** Name of the profile; the environment's or the file's own when absent. */
  readonly profile?: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A project with its profile's plugins, ready for use cases. */
export interface OpenProject {
  readonly project: LoadedProject
  readonly stateDir: string
  readonly composition: Composition
  /** What reads the project’s sources. */
  readonly sources: readonly Source[]
}

/** Reads the project's configuration, loads the profile's plugins and sets them up. */
export async function openProject(options: OpenOptions): Promise<OpenProject> {
  const dir = await findProject(options.from)
  const project = await loadProject(dir, options)
  const stateDir = path.join(dir, '.phlo')
  await mkdir(stateDir, { recursive: true })
  const named = new Set(project.plugins.map(({ use }) => use))
  const standard = standardPlugins
    .filter((use) => !named.has(use))
    .map((use): ChosenPlugin => ({
      use,
      place: undefined,
      options: {},
      yamlPath: undefined,
    }))
  try {
    const plugins = await Promise.all(
      [...project.plugins, ...standard].map((plugin) => loadPlugin(plugin, project, options)),
    )
    const composition = await Composition.of(plugins, { name: project.config.name, dir, stateDir })
    const sources = composition.all(SourcePort).map((source) => withEnvironment(source, project.environment))
    return { project, stateDir, composition, sources }
  } catch (error) {
    throw withoutSecrets(error, project.environment.secrets)
  }
}

/** Nobody can be asked yet to hide the secrets of a project that does not open: plugins' errors may hold them. */
function withoutSecrets(error: unknown, secrets: Secrets): unknown {
  const { code, message, hint, retryable, context, location } = toPhloError(error)
  const said = JSON.stringify([message, hint, context])
  if (secrets.redact(said) === said) return error
  return new PhloError(code, secrets.redact(message), {
    ...(hint !== undefined && { hint: secrets.redact(hint) }),
    retryable,
    ...(location && { location }),
  })
}
