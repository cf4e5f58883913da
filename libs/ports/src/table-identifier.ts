/** A table's name: its namespace's levels and its own name. */
export interface TableIdentifier {
  readonly namespace: readonly string[]
  readonly name: string
}

/** `a.b.name`, as people write it. Parts that hold a dot are quoted. */
export function formatIdentifier(identifier: TableIdentifier): string {
  return [...identifier.namespace, identifier.name].map(quotePart).join('.')
}

/** Reads `a.b.name`; parts may stand in double quotes. Returns `undefined` when it is no identifier of at least two parts. */
export function parseIdentifier(text: string): TableIdentifier | undefined {
  const parts: string[] = []
  const part = /\s*(?:"((?:[^"]|"")*)"|([^".\s]+))\s*(\.|$)/y
  while (part.lastIndex < text.length) {
    const match = part.exec(text)
    if (!match) return undefined
    parts.push(match[1] === undefined ? (match[2] ?? '') : match[1].replaceAll('""', '"'))
    if (match[3] === '') break
    if (part.lastIndex === text.length) return undefined
  }
  const name = parts.pop()
  return name === undefined || name === '' || parts.length === 0 || parts.includes('')
    ? undefined
    : { namespace: parts, name }
}

export function sameIdentifier(a: TableIdentifier, b: TableIdentifier): boolean {
  return formatIdentifier(a) === formatIdentifier(b)
}

function quotePart(part: string): string {
  return /^[^".\s]+$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`
}
