/** What of a lake stays readable. The present state of every branch and tag always does. */
export interface LakeRetention {
  /** How long the past states of branches stay, in milliseconds. */
  readonly history: number
  /** For branches whose names match a pattern, in which `*` stands for any characters; the first that matches counts. */
  readonly branches?: readonly { readonly pattern: string; readonly history: number }[]
}

/** How long a branch's past states stay, in milliseconds. Tags have no past. */
export function historyOf(retention: LakeRetention, branch: string): number {
  return retention.branches?.find(({ pattern }) => matches(pattern, branch))?.history ?? retention.history
}

function matches(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return name === pattern
  if (!name.startsWith(first)) return false
  let at = first.length
  for (const part of rest) {
    const found = name.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return name.length - last.length >= at && name.endsWith(last)
}
