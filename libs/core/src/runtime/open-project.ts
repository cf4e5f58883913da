import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { Composition } from './composition.js'
import { standardPlugins } from './config-schema.js'
import { loadPlugin, type PluginLoading } from './plugin-loader.js'
import { type ChosenPlugin, findProject, loadProject, type LoadedProject } from './project-config.js'

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
  const plugins = await Promise.all(
    [...project.plugins, ...standard].map((plugin) => loadPlugin(plugin, project, options)),
  )
  const composition = await Composition.of(plugins, { name: project.config.name, dir, stateDir })
  return { project, stateDir, composition }
}
