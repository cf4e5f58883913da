// tsyringe reads decorator metadata through this polyfill; Phlo's own classes have none.
import 'reflect-metadata'
import {
  isPhloError,
  PhloError,
  type PluginContext,
  type PluginManifest,
  type PluginProject,
  type Port,
  type Provided,
  restated,
  type SourceLocation,
  toPhloError,
} from '@phlo/ports'
import { container, type DependencyContainer } from 'tsyringe'
import type { LoadedPlugin } from './plugin-loader.js'

interface At {
  readonly location?: SourceLocation
}

/**
 * Plugins, set up and wired. The only file that knows the container: plugins get a function, use cases get adapters.
 */
export class Composition {
  private readonly container: DependencyContainer
  private readonly closers: (() => Promise<void> | void)[] = []
  private readonly providers = new Map<symbol, string>()

  private constructor() {
    this.container = container.createChildContainer()
  }

  /**
   * Sets plugins up, each after those that provide what it requires. Throws PHLO_PORT_MISSING, PHLO_PLUGIN_INVALID, and
   * what a setup throws; whatever was set up before is closed then.
   */
  static async of(plugins: readonly LoadedPlugin[], project: PluginProject): Promise<Composition> {
    const composition = new Composition()
    try {
      for (const plugin of inOrder(plugins)) await composition.setUp(plugin, project)
      return composition
    } catch (error) {
      await composition.close().catch(() => {
        // What went wrong first is what to tell.
      })
      throw error
    }
  }

  /** The adapter of a port. Throws PHLO_PORT_MISSING. */
  get<T>(port: Port<T>): T {
    if (!this.container.isRegistered(port.token)) {
      throw new PhloError('PHLO_PORT_MISSING', `No plugin of the profile provides ${port.name}`)
    }
    return this.container.resolve<T>(port.token)
  }

  /** The adapter of a port that a profile can be without. */
  find<T>(port: Port<T>): T | undefined {
    return this.container.isRegistered(port.token) ? this.container.resolve<T>(port.token) : undefined
  }

  /** Every adapter of a port that can have many. */
  all<T>(port: Port<T>): T[] {
    return this.container.isRegistered(port.token) ? this.container.resolveAll<T>(port.token) : []
  }

  /** Closes adapters in reverse order of their setup, all of them even when one fails. Throws the first failure. */
  async close(): Promise<void> {
    const failures: unknown[] = []
    for (const close of this.closers.splice(0).reverse()) {
      try {
        await close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  private async setUp({ manifest, options, location }: LoadedPlugin, project: PluginProject): Promise<void> {
    const at = location ? { location } : {}
    const provided = await runSetup(manifest, at, {
      options,
      project,
      get: (port) => {
        if (manifest.requires?.some(({ token }) => token === port.token)) return this.get(port)
        throw new PhloError('PHLO_PLUGIN_INVALID', `${manifest.name} asks for ${port.name} without requiring it`, at)
      },
    })
    // All of them are closed in the end, also when one of them is not taken.
    for (const { close } of provided) if (close) this.closers.push(close)
    for (const item of provided) this.register(item, manifest, at)
    const missing = manifest.provides.find((port) => !provided.some((item) => item.port.token === port.token))
    if (missing)
      throw new PhloError(
        'PHLO_PLUGIN_INVALID',
        `${manifest.name} says that it provides ${missing.name}, and does not`,
        at,
      )
  }

  private register({ port, adapter }: Provided, { name, provides }: PluginManifest, at: At): void {
    if (!provides.some(({ token }) => token === port.token)) {
      throw new PhloError('PHLO_PLUGIN_INVALID', `${name} provides ${port.name} without saying so`, at)
    }
    const other = this.providers.get(port.token)
    if (!port.many && other !== undefined) {
      throw new PhloError(
        'PHLO_PLUGIN_INVALID',
        `${other} and ${name} both provide ${port.name}, of which there is one`,
        at,
      )
    }
    this.providers.set(port.token, name)
    this.container.register(port.token, { useValue: adapter })
  }
}

/** Runs a plugin's setup; its failures point to where phlo.yaml names it. */
async function runSetup(manifest: PluginManifest, at: At, context: PluginContext): Promise<readonly Provided[]> {
  let provided: unknown
  try {
    provided = await manifest.setup(context)
  } catch (error) {
    const own = toPhloError(error, 'PHLO_PLUGIN_INVALID')
    throw restated(own, {
      ...(isPhloError(error) ? {} : { message: `${manifest.name} cannot be set up: ${own.message}` }),
      ...(!own.location && at),
      cause: error,
    })
  }
  if (Array.isArray(provided)) return provided as readonly Provided[]
  throw new PhloError('PHLO_PLUGIN_INVALID', `The setup of ${manifest.name} gave no list of adapters`, at)
}

/** Providers before those who require them; otherwise as given. */
function inOrder(plugins: readonly LoadedPlugin[]): LoadedPlugin[] {
  const waiting = [...plugins]
  const ready: LoadedPlugin[] = []
  while (waiting.length > 0) {
    const index = waiting.findIndex(({ manifest }) =>
      (manifest.requires ?? []).every(
        ({ token }) => !waiting.some((other) => other.manifest !== manifest && provides(other, token)),
      ),
    )
    const plugin = index < 0 ? undefined : waiting.splice(index, 1)[0]
    if (!plugin) {
      const names = waiting.map(({ manifest }) => manifest.name).join(', ')
      throw new PhloError('PHLO_PLUGIN_INVALID', `Plugins require each other in a circle: ${names}`)
    }
    requireAll(plugin, ready)
    ready.push(plugin)
  }
  return ready
}

function provides({ manifest }: LoadedPlugin, token: symbol): boolean {
  return manifest.provides.some((port) => port.token === token)
}

function requireAll({ manifest, location }: LoadedPlugin, ready: readonly LoadedPlugin[]): void {
  const missing = (manifest.requires ?? []).find(
    (port) => !port.many && !ready.some((other) => provides(other, port.token)),
  )
  if (!missing) return
  throw new PhloError(
    'PHLO_PORT_MISSING',
    `${manifest.name} needs ${missing.name}, which no plugin of the profile provides`,
    {
      ...(location && { location }),
    },
  )
}
