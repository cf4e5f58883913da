import type { OpenProject } from '@phlo/core/runtime'
import type { Workspace, WorkspaceOptions } from '@phlo/authoring/loading'
import type { Terminal } from './output/terminal.js'

/** Options that every command takes. */
export interface GlobalOptions {
  readonly profile?: string
  readonly project?: string
  readonly json?: boolean
}

/** What commands are given. */
export interface CommandContext {
  readonly terminal: Terminal
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
}

/** Opens the project with everything that it declares, and closes it behind `work`. */
export async function withWorkspace<T>(
  context: CommandContext,
  options: GlobalOptions,
  work: (workspace: Workspace) => Promise<T>,
): Promise<T> {
  const { openWorkspace } = await import('@phlo/authoring/loading')
  return closing(await openWorkspace(openOptions(context, options)), context, work)
}

/** Opens the project's plugins only, and closes them behind `work`. */
export async function withPlugins<T>(
  context: CommandContext,
  options: GlobalOptions,
  work: (project: OpenProject) => Promise<T>,
): Promise<T> {
  const { openPlugins } = await import('@phlo/authoring/loading')
  return closing(await openPlugins(openOptions(context, options)), context, work)
}

async function closing<P extends OpenProject, T>(
  project: P,
  context: CommandContext,
  work: (project: P) => Promise<T>,
): Promise<T> {
  context.terminal.hide((text) => project.project.environment.secrets.redact(text))
  try {
    return await work(project)
  } finally {
    await project.composition.close()
  }
}

function openOptions({ env }: CommandContext, options: GlobalOptions): WorkspaceOptions {
  return {
    from: options.project ?? process.cwd(),
    ...(options.profile !== undefined && { profile: options.profile }),
    env,
    programUrl: import.meta.url,
  }
}
