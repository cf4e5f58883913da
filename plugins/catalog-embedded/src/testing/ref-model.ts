import type { MergeStrategy, RefInfo } from '@phlo/ports'

/** Tables by name, each with what was last written to it, which nobody else ever wrote. */
export type Tables = ReadonlyMap<string, number>

interface Commit {
  readonly parents: readonly string[]
  readonly tables: Tables
}

interface Move {
  readonly action: string
  readonly from?: string | undefined
  readonly to?: string | undefined
}

/** What a catalog with refs is, said as plainly as can be. */
export class RefModel {
  readonly commits = new Map<string, Commit>()
  readonly refs = new Map<string, RefInfo>()
  readonly moves = new Map<string, Move[]>()

  commit(id: string): Commit {
    return this.commits.get(id) as Commit
  }

  ancestors(id: string): Set<string> {
    const found = new Set<string>()
    const open = [id]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (found.has(next)) continue
      found.add(next)
      open.push(...this.commit(next).parents)
    }
    return found
  }

  /** Moves a ref, or makes or deletes one. */
  set(name: string, action: string, next: RefInfo | undefined): void {
    const from = this.refs.get(name)?.commit
    this.moves.set(name, [{ action, from, to: next?.commit }, ...(this.moves.get(name) ?? [])])
    if (next) this.refs.set(name, next)
    else this.refs.delete(name)
  }

  advance(name: string, action: string, commit: string): void {
    this.set(name, action, { ...(this.refs.get(name) as RefInfo), commit })
  }
}

/** The three-way merge, table by table. */
export function mergedTables(base: Tables, target: Tables, source: Tables, strategy: MergeStrategy) {
  const result = new Map(target)
  const conflicts: string[] = []
  for (const name of new Set([...base.keys(), ...target.keys(), ...source.keys()])) {
    const [was, ours, theirs] = [base.get(name), target.get(name), source.get(name)]
    if (theirs === was || theirs === ours || (ours !== was && strategy === 'ours')) continue
    // Every write sets the same property, so that two of them never go together.
    if (ours !== was && strategy !== 'theirs') conflicts.push(name)
    else if (theirs === undefined) result.delete(name)
    else result.set(name, theirs)
  }
  return { result, conflicts: conflicts.sort() }
}
