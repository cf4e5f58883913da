import { parseIdentifier, type TableIdentifier } from '@phlo/ports'

/** A table as a name such as `"orders@dev"` means it. */
export interface TableAtRef {
  readonly identifier: TableIdentifier
  /** As `--ref` takes it: a branch, tag or commit, perhaps at a time, or `@{time}` alone. */
  readonly ref: string
}

/**
 * Reads `"orders@dev"`, `"orders@{2026-01-01}"`, `"orders$snapshots@v1"` in a namespace, or `"bronze.orders@dev"` as one
 * name. The ref begins behind the first `@`. `undefined` for a name that has no ref.
 */
export function tableAtRef(namespace: string, name: string): TableAtRef | undefined {
  const at = name.indexOf('@')
  if (at <= 0 || at === name.length - 1) return undefined
  const table = name.slice(0, at)
  const identifier = namespace === '' ? parseIdentifier(table) : { namespace: [namespace], name: table }
  const ref = name.slice(at + 1)
  return identifier && { identifier, ref: ref.startsWith('{') ? `@${ref}` : ref }
}
