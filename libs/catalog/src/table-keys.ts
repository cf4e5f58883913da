import type { TableIdentifier } from '@phlo/ports'

/** Between a namespace's levels; sorts below every printable character, so that children follow their parent. */
const levelSeparator = '\u001f'
/** Between a namespace and a table's name. A namespace's own key ends with it. */
const nameSeparator = '\u0000'

export function namespaceKey(namespace: readonly string[]): string {
  return namespace.join(levelSeparator) + nameSeparator
}

export function tableKey({ namespace, name }: TableIdentifier): string {
  return namespaceKey(namespace) + name
}

export function parseKey(key: string): TableIdentifier {
  const end = key.indexOf(nameSeparator)
  return { namespace: key.slice(0, end).split(levelSeparator), name: key.slice(end + 1) }
}
