import type { ServerName, StackSecrets } from './stack-state.js'

/** Ports of 127.0.0.1 by their names. */
export type Ports = Readonly<Record<string, number>>

/** What a server is started with. */
export interface Setting {
  /** The server's own folder, for data and settings. */
  readonly folder: string
  readonly ports: Ports
  readonly secrets: StackSecrets
  /** Base address of a server that this one needs: `http://127.0.0.1:20123`. */
  readonly address: (server: ServerName) => string
}

/** How the process is made. */
export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
  /** Written into the server's folder before it starts, for its owner alone; by their paths there. */
  readonly files?: Readonly<Record<string, string>>
  readonly user?: { readonly uid: number; readonly gid: number }
}

/** A real server, as a plain process. */
export interface Server {
  readonly name: ServerName
  /** Those that must be up first. */
  readonly needs: readonly ServerName[]
  /** Names of the ports that it listens on; the first is the one that clients use. */
  readonly ports: readonly [string, ...string[]]
  /** Milliseconds that it may take to come up on a busy machine. */
  readonly patience: number
  /** What asks it to end at once. Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals
  /** What getting its program takes where it is not there yet, for people: `Maven gets Nessie once, 245 MB`. */
  readonly getting: string
  /** Gets the program and says how it is started. Makes data folders where they are missing. */
  launch(setting: Setting): Promise<Launch>
  /** Whether it answers. */
  ready(ports: Ports): Promise<boolean>
  /** Makes in the running server what its clients count on; again without harm. */
  furnish?(setting: Setting): Promise<void>
}
