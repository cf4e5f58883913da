import path from 'node:path'
import { AssetGraph, modelAssets, type Schedule, selectAssets } from '@phlo/core'
import { openProject, type OpenProject } from '@phlo/core/runtime'
import { isPhloError, restated, TransformerPort } from '@phlo/ports'
import { importFile, loadWorkflows, withQuality } from './load-workflows.js'

export interface WorkspaceOptions {
  /** The project is looked for here and above. */
  readonly from: string
  readonly profile?: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** URL of a module of the program. */
  readonly programUrl: string
}

/** A project with everything that it declares. */
export interface Workspace extends OpenProject {
  readonly graph: AssetGraph
  readonly schedules: readonly Schedule[]
  /** The workflow files, and a text that changes with them. */
  readonly workflows: { readonly files: readonly string[]; readonly hash: string }
}

/** Opens a project with its profile's plugins, without loading what it declares. */
export async function openPlugins(options: WorkspaceOptions): Promise<OpenProject> {
  return openProject({ ...options, importFile: (file, projectDir) => importFile(file, projectDir, options.programUrl) })
}

/** Opens a project and loads its workflows and transforms. */
export async function openWorkspace(options: WorkspaceOptions): Promise<Workspace> {
  const opened = await openPlugins(options)
  try {
    const { dir, config } = opened.project
    const { assets, quality, schedules, files, hash } = await loadWorkflows(
      path.resolve(dir, config.workflows),
      dir,
      options.programUrl,
    )
    const models = (await opened.composition.find(TransformerPort)?.models()) ?? []
    const all = [
      ...assets,
      ...modelAssets(
        models,
        assets.map(({ key }) => key),
      ),
    ]
    const graph = new AssetGraph(withQuality(all, quality))
    for (const schedule of schedules) checkSelection(graph, schedule)
    return { ...opened, graph, schedules, workflows: { files, hash } }
  } catch (error) {
    await opened.composition.close()
    throw error
  }
}

/** A schedule of assets that are not there would only fail when it is due. Throws PHLO_ASSET_UNKNOWN. */
function checkSelection(graph: AssetGraph, { name, selection, location }: Schedule): void {
  try {
    selectAssets(graph, selection)
  } catch (error) {
    if (!isPhloError(error, 'PHLO_ASSET_UNKNOWN')) throw error
    throw restated(error, {
      message: `The schedule ${name}: ${error.message}`,
      ...(location && { location }),
      cause: error,
    })
  }
}
