/**
 * A port's token: the key under which a plugin provides an adapter and a consumer asks for it.
 * Two installed copies of this package make equal tokens, since the symbol is global.
 */
export interface Port<T> {
  /** The port's name, for instance `ObjectStore`. */
  readonly name: string
  readonly token: symbol
  /** True when several adapters stand side by side (kinds of check, sources, listeners). */
  readonly many: boolean
  /** Never set: carries the adapter's type. */
  readonly adapter?: T
}

/** Declares a port of which a profile has exactly one adapter. */
export function definePort<T>(name: string): Port<T> {
  return { name, token: Symbol.for(`@phlo/ports/${name}`), many: false }
}

/** Declares a port of which a profile may have many adapters. */
export function defineManyPort<T>(name: string): Port<T> {
  return { name, token: Symbol.for(`@phlo/ports/${name}`), many: true }
}
