import {
  formatIdentifier,
  type MergeOptions,
  type MergeOutcome,
  type MergeStrategy,
  type NamespaceMerge,
  PhloError,
  type SharedKeyLookup,
  type TableMerge,
} from '@phlo/ports'
import { changeOf } from './catalog-diff.js'
import {
  type CatalogDifference,
  type CatalogState,
  type CatalogValue,
  namespaceValue,
  sameValue,
} from './catalog-state.js'
import { namespaceKey, parseKey, tableKey } from './table-keys.js'

/** What each side changed since the base, and the state that the source's changes are brought into. */
export interface MergeSides {
  readonly theirs: readonly CatalogDifference[]
  readonly ours: readonly CatalogDifference[]
  readonly target: CatalogState
}

/** The table as both sides have it, made one; `reason` where that cannot be. */
export type Rebase = (
  key: string,
  values: {
    readonly base: CatalogValue | undefined
    readonly target: CatalogValue | undefined
    readonly source: CatalogValue | undefined
  },
  sharedKey: SharedKeyLookup | undefined,
) => Promise<{ readonly value: CatalogValue } | { readonly reason: string }>

export interface MergePlan {
  /** What the target gets. */
  readonly edits: ReadonlyMap<string, CatalogValue | undefined>
  readonly tables: readonly TableMerge[]
  readonly views: readonly TableMerge[]
  readonly namespaces: readonly NamespaceMerge[]
}

/** Tables that both sides changed are looked at in this many at once: each may read many manifests. */
const decidedAtOnce = 64

/** What happens to one key. */
interface Decision {
  readonly difference: CatalogDifference
  outcome: MergeOutcome
  reason?: string
  value?: CatalogValue | undefined
}

/** Decides for everything that the source changed what the target gets: three-way, key by key. Nothing is written. */
export async function planMerge(
  { theirs, ours, target }: MergeSides,
  options: Pick<MergeOptions, 'strategy' | 'strategies' | 'sharedKey'>,
  rebase: Rebase,
): Promise<MergePlan> {
  const oursByKey = new Map(ours.map((difference) => [difference.key, difference]))
  const strategies = new Map(options.strategies?.map(({ identifier, strategy }) => [tableKey(identifier), strategy]))
  const rebaseWith = (name: string, values: Parameters<Rebase>[1]) => rebase(name, values, options.sharedKey)
  const decide = async (difference: CatalogDifference): Promise<Decision | undefined> => {
    const { key, after } = difference
    const mine = oursByKey.get(key)
    if (!mine) return { difference, outcome: 'taken', value: after }
    if (sameValue(mine.after, after)) return undefined
    const strategy = strategies.get(key) ?? options.strategy ?? 'rebase'
    return { difference, ...(await settle(strategy, difference, mine, rebaseWith)) }
  }
  const decisions: Decision[] = []
  for (let start = 0; start < theirs.length; start += decidedAtOnce) {
    const some = await Promise.all(theirs.slice(start, start + decidedAtOnce).map(decide))
    decisions.push(...some.filter((decision) => decision !== undefined))
  }
  refuseSecondNames(decisions, ours)
  await refuseHomeless(target, decisions)
  const taken = decisions.filter(({ outcome }) => outcome === 'taken' || outcome === 'rebased')
  return { edits: new Map(taken.map(({ difference, value }) => [difference.key, value])), ...listed(decisions) }
}

/** Throws PHLO_MERGE_CONFLICT when something in the plan is one. */
export function refuseConflicts(plan: Omit<MergePlan, 'edits'>, what: string): void {
  const conflicts = [
    ...plan.namespaces.map(({ namespace, ...rest }) => ({ name: namespace.join('.'), ...rest })),
    ...[...plan.tables, ...plan.views].map(({ identifier, ...rest }) => ({
      name: formatIdentifier(identifier),
      ...rest,
    })),
  ]
    .filter(({ outcome }) => outcome === 'conflict')
    .map(({ name, reason }) => ({ name, reason }))
  if (conflicts.length === 0) return
  const names = conflicts.map(({ name }) => name)
  throw new PhloError('PHLO_MERGE_CONFLICT', `${what}: both changed ${names.join(', ')}`, {
    hint: 'See what each side did with a dry run; choose a side, or do the change again on the present target.',
    context: { tables: names, conflicts },
  })
}

async function settle(
  strategy: MergeStrategy,
  theirs: CatalogDifference,
  ours: CatalogDifference,
  rebase: (key: string, values: Parameters<Rebase>[1]) => ReturnType<Rebase>,
): Promise<Pick<Decision, 'outcome' | 'reason' | 'value'>> {
  if (strategy === 'ours') return { outcome: 'kept' }
  if (strategy === 'theirs') return { outcome: 'taken', value: theirs.after }
  const values = { base: theirs.before, target: ours.after, source: theirs.after }
  if (!values.source) return conflict('the source dropped it, the target changed it')
  if (!values.target) return conflict('the target dropped it, the source changed it')
  if (strategy === 'fail') return conflict('both sides changed it')
  const made = values.target.type === 'namespace' ? mergeProperties(values) : await rebase(theirs.key, values)
  if ('reason' in made) return conflict(made.reason)
  return sameValue(made.value, values.target) ? { outcome: 'kept' } : { outcome: 'rebased', value: made.value }
}

function conflict(reason: string): Pick<Decision, 'outcome' | 'reason'> {
  return { outcome: 'conflict', reason }
}

/** Properties one by one, as the three-way merge of the catalog itself. */
function mergeProperties(values: {
  readonly base: CatalogValue | undefined
  readonly target: CatalogValue | undefined
  readonly source: CatalogValue | undefined
}): { readonly value: CatalogValue } | { readonly reason: string } {
  const [base, target, source] = [values.base, values.target, values.source].map((value) =>
    value?.type === 'namespace' ? value.properties : {},
  ) as [Record<string, string>, Record<string, string>, Record<string, string>]
  const merged = new Map(Object.entries(target))
  for (const name of new Set([...Object.keys(base), ...Object.keys(source)])) {
    if (base[name] === source[name] || target[name] === source[name]) continue
    if (target[name] !== base[name]) return { reason: `both sides changed its property ${name}` }
    const value = source[name]
    if (value === undefined) merged.delete(name)
    else merged.set(name, value)
  }
  return { value: namespaceValue(Object.fromEntries(merged)) }
}

/** A table that each side gave another name must not end up with both. */
function refuseSecondNames(decisions: readonly Decision[], ours: readonly CatalogDifference[]): void {
  const uuid = (value: CatalogValue | undefined) => (value && value.type !== 'namespace' ? value.uuid : undefined)
  const renamed = new Map(ours.flatMap(({ key, before, after }) => (!before && after ? [[uuid(after), key]] : [])))
  for (const decision of decisions) {
    const { key, before, after } = decision.difference
    const other = before || !after || after.type === 'namespace' ? undefined : renamed.get(uuid(after))
    if (other === undefined || other === key || decision.outcome !== 'taken') continue
    decision.outcome = 'conflict'
    decision.reason = `the target has it as ${formatIdentifier(parseKey(other))}`
  }
}

/** What is taken needs its namespace in the target, and a namespace only goes when nothing is left in it. */
async function refuseHomeless(target: CatalogState, decisions: readonly Decision[]): Promise<void> {
  const taken = new Map<string, CatalogValue | undefined>()
  for (const { difference, outcome, value } of decisions)
    if (outcome === 'taken' || outcome === 'rebased') taken.set(difference.key, value)
  for (const decision of decisions) {
    const { key } = decision.difference
    if (!taken.has(key)) continue
    const value = taken.get(key)
    const home = namespaceKey(parseKey(key).namespace)
    if (value && value.type !== 'namespace') {
      const there = taken.has(home) ? taken.get(home) : await target.get(home)
      if (!there) Object.assign(decision, conflict('the target dropped its namespace'))
    } else if (!value && key === home) {
      for await (const item of target.keys(key)) {
        if (item === key || (taken.has(item) && !taken.get(item))) continue
        Object.assign(decision, conflict(`the target has ${formatIdentifier(parseKey(item))} in it`))
        break
      }
    }
  }
}

function listed(decisions: readonly Decision[]): Pick<MergePlan, 'tables' | 'views' | 'namespaces'> {
  const tables: TableMerge[] = []
  const views: TableMerge[] = []
  const namespaces: NamespaceMerge[] = []
  for (const { difference, outcome, reason } of decisions) {
    const { identifier, type } = {
      identifier: parseKey(difference.key),
      type: (difference.after ?? difference.before)?.type,
    }
    const said = { change: changeOf(difference), outcome, ...(reason !== undefined && { reason }) }
    if (type === 'namespace') namespaces.push({ namespace: identifier.namespace, ...said })
    else (type === 'view' ? views : tables).push({ identifier, ...said })
  }
  return { tables, views, namespaces }
}
