import type { Port } from './port.js'
import type { StandardSchema } from './standard-schema.js'

/** The version of the plugin contract that this package describes. */
export const pluginApiVersion = 1

/** What a plugin may know of the project that loads it. */
export interface PluginProject {
  readonly name: string
  /** Absolute path of the folder that holds `phlo.yaml`. */
  readonly dir: string
  /** Absolute path of `.phlo/`, the folder for local state; exists. */
  readonly stateDir: string
}

/** Given to a plugin's `setup`. */
export interface PluginContext<Options = unknown> {
  /** Already validated by the plugin's own schema. */
  readonly options: Options
  readonly project: PluginProject
  /** The adapter of a port that the manifest lists under `requires`. Throws PHLO_PORT_MISSING for any other. */
  readonly get: <T>(port: Port<T>) => T
}

/** One adapter that a plugin hands over. Made with {@link provide}. */
export interface Provided {
  readonly port: Port<unknown>
  readonly adapter: unknown
  /** Called once when the runtime closes, in reverse order of setup. */
  readonly close?: () => Promise<void> | void
}

/** What a plugin's package exports as its default. */
export interface PluginManifest<Options = unknown> {
  readonly apiVersion: number
  /** The npm package's name. */
  readonly name: string
  /** Ports of which `setup` returns adapters. */
  readonly provides: readonly Port<unknown>[]
  /** Ports that must be set up before this plugin. */
  readonly requires?: readonly Port<unknown>[]
  /** Any Standard Schema (a zod schema is one); absent when the plugin takes no options. */
  readonly options?: StandardSchema<Options>
  /** Makes the adapters. May be asynchronous; throws a PhloError when the options cannot work. */
  setup(context: PluginContext<Options>): Promise<readonly Provided[]> | readonly Provided[]
}

/** Types a manifest; the value is returned as it is. */
export function definePlugin<Options>(manifest: PluginManifest<Options>): PluginManifest<Options> {
  return manifest
}

/** Pairs an adapter with its port, so that the compiler checks the one against the other. */
export function provide<T>(port: Port<T>, adapter: T, close?: () => Promise<void> | void): Provided {
  return { port, adapter, ...(close && { close }) }
}
