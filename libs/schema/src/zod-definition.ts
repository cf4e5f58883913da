/**
 * The part of zod 4's definitions that a schema is read from. zod documents `_zod.def` for library authors; this file is
 * the only one that knows it.
 * Source: https://zod.dev/library-authors
 */
export interface ZodNode {
  /** `parent`: what a method such as `.min()` made this one from. */
  readonly _zod: { readonly def: ZodDefinition; readonly parent?: ZodNode }
  readonly description?: string
}

export interface ZodDefinition {
  readonly type: string
  readonly check?: string
  readonly format?: string
  readonly checks?: readonly ZodNode[]
  readonly innerType?: ZodNode
  readonly shape?: Readonly<Record<string, ZodNode>>
  readonly catchall?: ZodNode
  readonly element?: ZodNode
  readonly keyType?: ZodNode
  readonly valueType?: ZodNode
  readonly options?: readonly ZodNode[]
  readonly entries?: Readonly<Record<string, string | number>>
  readonly values?: readonly unknown[]
  readonly local?: boolean
  // Checks
  /** What a check of the user's own calls; absent for those that add issues themselves. */
  readonly fn?: (value: never) => boolean
  readonly value?: number | bigint | Date
  readonly inclusive?: boolean
  readonly minimum?: number
  readonly maximum?: number
  readonly length?: number
  readonly pattern?: RegExp
  readonly prefix?: string
  readonly suffix?: string
  readonly includes?: string
  readonly position?: number
}

export function isZodNode(value: unknown): value is ZodNode {
  return typeof value === 'object' && value !== null && '_zod' in value
}
