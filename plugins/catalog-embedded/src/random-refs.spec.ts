import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import { formatIdentifier, isPhloError, type MergeResult, type MergeStrategy } from '@phlo/ports'
import { MemoryObjectStore, newTable, setProperty } from '@phlo/ports/testing'
import { EmbeddedCatalog } from './embedded-catalog.js'
import { mergedTables, RefModel, type Tables } from './testing/ref-model.js'
import { tableIn } from './testing/small-tables.js'

const names = ['main', 'dev', 'test', 'v1']
const tables = ['t0', 't1', 't2', 't3', 't4']
const anyRef = fc.constantFrom(...names)
const rarely = fc.constantFrom(true, false, false, false)
const strategy = fc.constantFrom<MergeStrategy>('fail', 'ours', 'theirs', 'rebase')

const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('create' as const, 'change' as const, 'change' as const, 'drop' as const),
      ref: anyRef,
      table: fc.constantFrom(...tables),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('detached' as const),
      commit: fc.nat(),
      table: fc.constantFrom(...tables),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('create-ref' as const),
      name: anyRef,
      from: anyRef,
      type: fc.constantFrom('branch' as const, 'branch' as const, 'tag' as const),
      isProtected: rarely,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete-ref' as const), name: anyRef }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('assign' as const), name: anyRef, commit: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('protect' as const), name: anyRef, isProtected: rarely }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('merge' as const),
      from: anyRef,
      into: anyRef,
      strategy,
      fastForward: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('cherry-pick' as const, 'revert' as const),
      commit: fc.nat(),
      into: anyRef,
      strategy,
    }),
  },
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

class Comparison {
  readonly model = new RefModel()
  /** What came of merges, cherry-picks and reverts. */
  readonly seen = new Set<string>()
  private readonly catalog: EmbeddedCatalog
  private writes = 0

  constructor(catalog: EmbeddedCatalog) {
    this.catalog = catalog
  }

  async start(): Promise<void> {
    const { commit = '' } = await this.catalog.commit([{ kind: 'create-namespace', namespace: ['a'] }], { message: '' })
    const [first, empty] = await take(this.catalog.log('main'))
    for (const info of [empty, first])
      this.model.commits.set(info?.id ?? '', { parents: info?.parents ?? [], tables: new Map() })
    this.model.set('main', 'create', { name: 'main', type: 'branch', commit: empty?.id ?? '', protected: false })
    this.model.advance('main', 'commit', commit)
  }

  async step(step: Operation): Promise<void> {
    switch (step.kind) {
      case 'create':
      case 'change':
      case 'drop':
        return this.write(step.kind, step.ref, step.table)
      case 'detached':
        return this.write('change', this.anyCommit(step.commit), step.table)
      case 'create-ref':
        return this.createRef(step)
      case 'delete-ref':
        return this.deleteRef(step.name)
      case 'assign':
        return this.assign(step.name, this.anyCommit(step.commit))
      case 'protect':
        return this.protect(step.name, step.isProtected)
      case 'merge':
        return this.merge(step)
      default:
        return this.replay(step)
    }
  }

  /** Everything that the catalog says is what the model says. */
  async compare(): Promise<void> {
    const { catalog, model } = this
    const refs = [...model.refs.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    expect(await catalog.listRefs()).toEqual(refs)
    for (const name of names) {
      expect(await catalog.getRef(name)).toEqual(model.refs.get(name))
      const moves = model.moves.get(name)
      if (!moves) continue
      const log = await take(catalog.reflog(name))
      expect(log.map(({ action, from, to }) => ({ action, from, to }))).toEqual(moves)
    }
    for (const id of model.commits.keys()) expect(await this.tablesAt(id)).toEqual(this.model.commit(id).tables)
    for (const { name, commit } of refs) {
      const expected = []
      for (let id: string | undefined = commit; id !== undefined; id = model.commit(id).parents[0]) expected.push(id)
      expect((await take(catalog.log(name))).map(({ id }) => id)).toEqual(expected)
      const [before, after] = [model.commit(commit).tables, model.commit(refs[0]?.commit ?? '').tables]
      const changed = tables.filter((table) => before.get(table) !== after.get(table))
      const diff = await catalog.diff(name, refs[0]?.name ?? '')
      expect(diff.tables.map(({ identifier }) => identifier.name)).toEqual(changed)
    }
  }

  private anyCommit(seed: number): string {
    // The first commit lacks the namespace that the tables are in.
    const all = [...this.model.commits].flatMap(([id, { parents }]) => (parents.length > 0 ? [id] : []))
    return all[seed % all.length] as string
  }

  private async tablesAt(ref: string): Promise<Tables> {
    const found = new Map<string, number>()
    for (const identifier of await this.catalog.listTables({ ref })) {
      const loaded = await this.catalog.loadTable(identifier, { ref })
      found.set(identifier.name, Number(loaded?.metadata.properties?.['k']))
    }
    return found
  }

  private async write(kind: 'create' | 'change' | 'drop', ref: string, name: string): Promise<void> {
    const { catalog, model } = this
    const own = model.refs.get(ref)
    const head = own?.commit ?? (model.commits.has(ref) ? ref : undefined)
    const before = head === undefined ? undefined : model.commit(head).tables
    const isThere = before?.has(name) === true
    const refusal =
      (head === undefined && 'PHLO_REF_NOT_FOUND') ||
      (own?.type === 'tag' && 'PHLO_REF_INVALID') ||
      (own?.protected && 'PHLO_REF_PROTECTED') ||
      (kind === 'create' ? isThere && 'PHLO_TABLE_EXISTS' : !isThere && 'PHLO_TABLE_NOT_FOUND')
    const table = tableIn('a')(name)
    const token = ++this.writes
    const set = setProperty(table, 'k', String(token))
    const changes =
      kind === 'drop'
        ? [{ kind: 'drop-table' as const, identifier: table }]
        : [...(kind === 'create' ? [newTable(catalog, table)] : []), set]
    const result = await attempt(catalog.commit(changes, { ref, message: kind }), refusal)
    if (!result) return
    const after = new Map(before)
    if (kind === 'drop') after.delete(name)
    else after.set(name, token)
    model.commits.set(result.commit ?? '', { parents: [head as string], tables: after })
    if (own) model.advance(ref, 'commit', result.commit ?? '')
  }

  private async createRef({ name, from, type, isProtected }: Operation & { kind: 'create-ref' }): Promise<void> {
    const { catalog, model } = this
    const at = model.refs.get(from)
    const refusal = (!at && 'PHLO_REF_NOT_FOUND') || (model.refs.has(name) && 'PHLO_REF_EXISTS')
    const made = await attempt(catalog.createRef(name, { from, type, protected: isProtected }), refusal)
    if (made) model.set(name, 'create', { name, type, commit: at?.commit ?? '', protected: isProtected })
  }

  private async deleteRef(name: string): Promise<void> {
    const ref = this.model.refs.get(name)
    const refusal =
      (name === 'main' && 'PHLO_REF_INVALID') ||
      (!ref && 'PHLO_REF_NOT_FOUND') ||
      (ref?.protected && 'PHLO_REF_PROTECTED')
    if (
      await attempt(
        this.catalog.deleteRef(name).then(() => true),
        refusal,
      )
    )
      this.model.set(name, 'delete', undefined)
  }

  private async assign(name: string, commit: string): Promise<void> {
    const ref = this.model.refs.get(name)
    const refusal = (!ref && 'PHLO_REF_NOT_FOUND') || (ref?.protected && 'PHLO_REF_PROTECTED')
    const type = ref?.type ?? 'branch'
    if (await attempt(this.catalog.assignRef(name, commit, { type }), refusal))
      this.model.advance(name, 'assign', commit)
  }

  private async protect(name: string, isProtected: boolean): Promise<void> {
    const ref = this.model.refs.get(name)
    const done = await attempt(this.catalog.protectRef(name, isProtected), !ref && 'PHLO_REF_NOT_FOUND')
    if (!done || !ref || ref.protected === isProtected) return
    this.model.set(name, isProtected ? 'protect' : 'unprotect', { ...ref, protected: isProtected })
  }

  private async merge({ from, into, strategy: chosen, fastForward }: Operation & { kind: 'merge' }): Promise<void> {
    const { catalog, model } = this
    const [source, target] = [model.refs.get(from), model.refs.get(into)]
    if (!source || !target || target.type === 'tag') {
      const refusal = source && target ? 'PHLO_REF_INVALID' : 'PHLO_REF_NOT_FOUND'
      await attempt(catalog.merge(from, into, { strategy: chosen, fastForward }), refusal)
      return
    }
    const dry = await catalog.merge(from, into, { strategy: chosen, fastForward, dryRun: true })
    const ours = model.ancestors(target.commit)
    const common = [...model.ancestors(source.commit)].filter((id) => ours.has(id))
    expect(common).toContain(dry.base)
    // No other common ancestor is nearer than the base.
    for (const id of common) expect(id !== dry.base && model.ancestors(id).has(dry.base ?? '')).toBe(false)
    const at = (id: string) => model.commit(id).tables
    const plan = mergedTables(at(dry.base ?? ''), at(target.commit), at(source.commit), chosen)
    const isIn = dry.base === source.commit
    const forwards = fastForward && dry.base === target.commit && !isIn
    expect(dry).toMatchObject({ commit: target.commit, fastForward: forwards })
    expect(conflictsOf(dry)).toEqual(plan.conflicts)
    const refusal = plan.conflicts.length > 0 && 'PHLO_MERGE_CONFLICT'
    const result = await attempt(catalog.merge(from, into, { strategy: chosen, fastForward }), refusal)
    if (refusal) this.seen.add('merge conflict')
    if (!result || isIn) return
    if (dry.tables.some(({ outcome }) => outcome === 'kept')) this.seen.add('merge kept')
    this.seen.add(forwards ? 'fast-forward' : 'merge')
    if (!forwards) model.commits.set(result.commit, { parents: [target.commit, source.commit], tables: plan.result })
    model.advance(into, 'merge', result.commit)
    expect(result).toEqual({ ...dry, commit: forwards ? source.commit : result.commit })
  }

  private async replay(step: Operation & { kind: 'cherry-pick' | 'revert' }): Promise<void> {
    const { catalog, model } = this
    const { kind, into, strategy: chosen } = step
    const id = this.anyCommit(step.commit)
    const target = model.refs.get(into)
    const [parent] = model.commit(id).parents
    const [own, before] = [model.commit(id).tables, parent === undefined ? new Map() : model.commit(parent).tables]
    const [base, source] = kind === 'revert' ? [own, before] : [before, own]
    const plan = target && mergedTables(base, model.commit(target.commit).tables, source, chosen)
    // The first commits make the catalog and its namespace, which tables of other commits may stand in.
    if (parent === undefined || model.commit(parent).parents.length === 0) return
    const refusal =
      (!target && 'PHLO_REF_NOT_FOUND') ||
      (target?.type === 'tag' && 'PHLO_REF_INVALID') ||
      (target?.protected && 'PHLO_REF_PROTECTED') ||
      ((plan?.conflicts.length ?? 0) > 0 && 'PHLO_MERGE_CONFLICT')
    const done =
      kind === 'revert'
        ? catalog.revert(id, into, { strategy: chosen })
        : catalog.cherryPick(id, into, { strategy: chosen })
    const result = await attempt(done, refusal)
    if (refusal === 'PHLO_MERGE_CONFLICT') this.seen.add(`${kind} conflict`)
    if (!result || !target || !plan || result.commit === target.commit) return
    this.seen.add(kind)
    model.commits.set(result.commit, { parents: [target.commit], tables: plan.result })
    model.advance(into, kind, result.commit)
  }
}

function conflictsOf({ tables: all }: MergeResult): string[] {
  return all.filter(({ outcome }) => outcome === 'conflict').map(({ identifier }) => identifier.name)
}

/** The result, or `undefined` where it was refused as it had to be. */
async function attempt<T>(work: Promise<T>, refusal: string | false | undefined): Promise<T | undefined> {
  try {
    const result = await work
    expect(refusal || undefined).toBeUndefined()
    return result
  } catch (error) {
    if (!isPhloError(error)) throw error
    expect(error.code).toBe(refusal)
    return undefined
  }
}

async function take<T>(items: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = []
  for await (const item of items) taken.push(item)
  return taken
}

it('is what a model of refs says after any operations, and to a second client', async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 20, maxLength: 50, size: 'max' }), async (operations) => {
      const store = new MemoryObjectStore()
      const catalog = await EmbeddedCatalog.open(store)
      const comparison = new Comparison(catalog)
      await comparison.start()
      for (const table of tables.slice(0, 3)) await comparison.step({ kind: 'create', ref: 'main', table })
      for (const name of ['dev', 'test'])
        await comparison.step({ kind: 'create-ref', name, from: 'main', type: 'branch', isProtected: false })
      for (const step of operations) await comparison.step(step)
      await comparison.compare()
      for (const outcome of comparison.seen) seen.add(outcome)
      const again = await EmbeddedCatalog.open(store)
      expect(await again.listRefs()).toEqual(await catalog.listRefs())
      expect((await again.listTables()).map(formatIdentifier)).toEqual(
        (await catalog.listTables()).map(formatIdentifier),
      )
    }),
    { numRuns: 100 },
  )
  // Chance has led to every kind of outcome.
  expect([...seen].sort()).toEqual([
    'cherry-pick',
    'cherry-pick conflict',
    'fast-forward',
    'merge',
    'merge conflict',
    'merge kept',
    'revert',
    'revert conflict',
  ])
})
