import type { SharedKeyLookup } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { summaryKeys } from '../commit/snapshot-summary.js'
import { currentSchema, refSnapshot } from '../metadata/metadata.js'
import { DivergingTable, FileContents, type FoundFile, liveRows, type RowVersion } from '../testing/diverging-table.js'
import { changedFiles, type FileRows } from './changed-files.js'
import type { TableAt } from './changed-entries.js'
import { mergeTable } from './merge-table.js'

const parts = 3
const values = 4
const keys = 60

const kinds = [
  'append',
  'append',
  'append',
  'overwrite-partition',
  'delete',
  'delete',
  'delete-by-value',
  'update',
  'merge',
  'compact',
  'expire',
  'column',
  'property',
] as const

interface Step {
  readonly kind: (typeof kinds)[number]
  readonly part: number
  readonly value: number
  readonly key: number
  readonly pick: number
  readonly mode: 'copy' | 'mark'
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...kinds),
  part: fc.nat({ max: parts - 1 }),
  value: fc.nat({ max: values - 1 }),
  key: fc.nat({ max: keys - 1 }),
  pick: fc.nat({ max: 1000 }),
  mode: fc.constantFrom('copy', 'mark'),
})

const scenario = fc.record({
  version: fc.constantFrom<2 | 3>(2, 3),
  isolation: fc.constantFrom('serializable', 'snapshot'),
  looks: fc.boolean(),
  tells: fc.boolean(),
  base: fc.array(step, { minLength: 1, maxLength: 4 }),
  source: fc.array(step, { minLength: 1, maxLength: 3 }),
  target: fc.array(step, { maxLength: 3 }),
})

/** What a plain implementation of a table holds, and what was done to its rows. */
class Side {
  readonly table: DivergingTable
  rows: readonly RowVersion[]
  readonly done: Step['kind'][] = []
  /** Versions that others took the place of. */
  readonly replaced = new Set<string>()
  readonly removed = new Set<string>()
  merged = false
  /** Of every row in a data file that a step other than a compaction left behind, also of those copied. */
  readonly writtenKeys = new Set<number>()
  private readonly name: string
  private count = 0

  constructor(name: string, table: DivergingTable, rows: readonly RowVersion[] = []) {
    this.name = name
    this.table = table
    this.rows = rows
  }

  fork(name: string): Side {
    return new Side(name, this.table.fork(), this.rows)
  }

  async take(item: Step): Promise<void> {
    const before = new Set((await this.files()).map(({ file }) => file.path))
    if (!(await this.perform(item))) return
    this.done.push(item.kind)
    if (item.kind === 'compact') return
    for (const { file, rows } of await this.files())
      if (!before.has(file.path)) for (const { key } of rows) this.writtenKeys.add(key)
  }

  private files(): Promise<FoundFile[]> {
    return this.table.contents.files(this.table.metadata)
  }

  private async perform({ kind, part, value, key, pick, mode }: Step): Promise<boolean> {
    const { table } = this
    const named = pick % 2 === 0
    switch (kind) {
      case 'append': {
        const added = this.fresh(part, key, value, 1 + (pick % 3))
        await table.append(added)
        return this.became([...this.rows, ...added])
      }
      case 'overwrite-partition': {
        const added = this.fresh(part, key, value, 1 + (pick % 3))
        await table.append(added, { replacePartitions: true })
        return this.became([...this.rows.filter((row) => row.part !== part), ...added])
      }
      case 'delete': {
        const [of] = this.rows.slice(pick % Math.max(1, this.rows.length))
        if (!of) return false
        const matches = (row: RowVersion) => row.part === of.part && row.value === of.value
        if (!(await table.replaceRows(matches, [], mode, { named }))) return false
        return this.became(this.rows.filter((row) => !matches(row)))
      }
      case 'delete-by-value': {
        await table.write({ add: [table.contents.equalityDeletes(part, value)] })
        return this.became(this.rows.filter((row) => row.part !== part || row.value !== value))
      }
      case 'update': {
        const [of] = this.rows.slice(pick % Math.max(1, this.rows.length))
        if (!of) return false
        const leaving = this.rows.filter((row) => row.part === of.part && row.value === of.value)
        const ids = new Set(leaving.map(({ id }) => id))
        const added = leaving.map((row) => this.next({ ...row, value: (of.value + 1) % values }))
        await table.replaceRows(({ id }) => ids.has(id), added, mode, { named })
        for (const id of ids) this.replaced.add(id)
        return this.became([...this.rows.filter(({ id }) => !ids.has(id)), ...added])
      }
      case 'merge': {
        // Now and then far apart, so that others' keys lie between them.
        const gap = 1 + (pick % 11)
        const coming = new Set(Array.from({ length: 1 + (pick % 3) }, (_, index) => (key + gap * index) % keys))
        const added = [...coming].map((each) => this.next({ key: each, value, part: each % parts }))
        const leaving = this.rows.filter((row) => coming.has(row.key))
        await table.replaceRows((row) => coming.has(row.key), added, mode, {
          named,
          summary: { [summaryKeys.mergeKeys]: '1' },
        })
        for (const { id } of leaving) this.replaced.add(id)
        this.merged = true
        return this.became([...this.rows.filter((row) => !coming.has(row.key)), ...added])
      }
      case 'compact':
        return table.compact(part)
      case 'expire':
        return table.expire(1 + (pick % 2))
      case 'column':
        await table
          .change((transaction) =>
            transaction.updateSchema((schema) => schema.addColumn(`c${pick % 3}`, pick % 2 ? 'int' : 'string')),
          )
          .catch(() => undefined)
        return true
      case 'property':
        await table.change((transaction) => transaction.setProperties({ [`p${pick % 4}`]: String(value) }))
        return true
    }
  }

  private fresh(part: number, key: number, value: number, count: number): RowVersion[] {
    return Array.from({ length: count }, (_, index) =>
      this.next({ key: (key + index) % keys, value: (value + index) % values, part }),
    )
  }

  private next(row: Omit<RowVersion, 'id'>): RowVersion {
    return { key: row.key, value: row.value, part: row.part, id: `${this.name}${this.count++}` }
  }

  private became(rows: readonly RowVersion[]): boolean {
    const stays = new Set(rows.map(({ id }) => id))
    for (const { id } of this.rows) if (!stays.has(id)) this.removed.add(id)
    this.rows = rows
    return true
  }

  added(base: Side): RowVersion[] {
    const known = new Set(base.rows.map(({ id }) => id))
    return this.rows.filter(({ id }) => !known.has(id))
  }
}

const idsOf = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id).sort()

/** Why the rules forbid a merge, if they do. */
function forbidden(base: Side, target: Side, source: Side): string | undefined {
  for (const id of source.removed)
    if (target.removed.has(id) && (source.replaced.has(id) || target.replaced.has(id))) return `both changed ${id}`
  if (!source.merged && !target.merged) return undefined
  const ours = new Set(target.added(base).map(({ key }) => key))
  const twice = source.added(base).find(({ key }) => ours.has(key))
  return twice && `both added the key ${twice.key}`
}

/** So that nobody believes in what was never tried. */
const mustHappen = [
  'same',
  'rebased',
  'conflict: rows',
  'conflict: keys',
  'keys between keys',
  'conflict: schema',
  'conflict: properties',
  'conflict: history',
  'conflict: row-lineage',
  'append beside append',
  'append beside delete',
  'append beside compact',
  'compact beside append',
  'delete beside append',
  'delete beside delete',
  'overwrite-partition beside overwrite-partition',
  'merge beside merge',
  'update beside append',
  'append beside expire',
  'expire beside append',
]

describe('any two states that came from one', () => {
  it('are merged to the rows of both, or not at all', async () => {
    const outcomes = new Map<string, number>()
    const count = (what: string) => outcomes.set(what, (outcomes.get(what) ?? 0) + 1)
    await fc.assert(
      fc.asyncProperty(scenario, async ({ version, isolation, looks, tells, ...steps }) => {
        const contents = new FileContents(new MemoryObjectStore(), tells)
        const levels = ['delete', 'update', 'merge'].map(
          (kind) => [`write.${kind}.isolation-level`, isolation] as const,
        )
        const base = new Side('b', DivergingTable.create(contents, version, Object.fromEntries(levels)))
        for (const item of steps.base) await base.take(item)
        const [source, target] = [base.fork('s'), base.fork('t')]
        for (const item of steps.source) await source.take(item)
        for (const item of steps.target) await target.take(item)
        const stored = await keysOf(contents)
        let between = 0
        const sharedKey: SharedKeyLookup = async (request) => {
          for (const files of [request.ours, request.theirs]) expect(files).not.toEqual([])
          const key = await contents.sharedKey(request)
          if (!key) between++
          return key
        }
        const merge = await mergeTable(contents.store, {
          base: base.table.metadata,
          target: target.table.metadata,
          source: source.table.metadata,
          ...(looks && { sharedKey }),
        })
        if (merge.outcome === 'rebased' && between > 0) count('keys between keys')
        count(merge.outcome === 'conflict' ? `conflict: ${merge.kind}` : merge.outcome)
        await expectDifference(source.table, target.table)
        await expectDifference(base.table, source.table)
        if (merge.outcome === 'conflict') {
          expect(await keysOf(contents)).toEqual(stored)
          if (merge.kind === 'keys' && looks)
            expect([...source.writtenKeys].filter((key) => target.writtenKeys.has(key))).not.toEqual([])
          return
        }
        if (merge.outcome === 'rebased') target.table.apply(merge.requirements, merge.updates)
        const gone = new Set([...source.removed, ...target.removed])
        const expected = [...base.rows, ...source.added(base), ...target.added(base)].filter(({ id }) => !gone.has(id))
        const found = await contents.live(target.table.metadata)
        expect(idsOf(found.map(({ row }) => row))).toEqual(idsOf(expected))
        expect(forbidden(base, target, source)).toBeUndefined()
        if (version === 3) {
          const rowIds = found.map(({ rowId }) => rowId)
          expect(new Set(rowIds).size).toBe(rowIds.length)
          expect(target.table.metadata['next-row-id']).toBeGreaterThan(Math.max(-1, ...(rowIds as number[])))
        }
        await expectDifference(source.table, target.table)
        const names = currentSchema(target.table.metadata).fields.map(({ name }) => name)
        for (const side of [source, base])
          for (const { name } of currentSchema(side.table.metadata).fields) expect(names).toContain(name)
        for (const kind of source.done) for (const other of target.done) count(`${kind} beside ${other}`)
      }),
      { numRuns: 1000 },
    )
    for (const what of mustHappen) expect([what, outcomes.get(what) ?? 0]).not.toEqual([what, 0])
  })
})

/** What differs between the states is found in their changed files, and nothing else is. */
async function expectDifference(one: DivergingTable, other: DivergingTable): Promise<void> {
  const { contents } = one
  const states = [one, other].map(({ metadata }) => ({ metadata, snapshot: refSnapshot(metadata) })) as [
    TableAt,
    TableAt,
  ]
  const changed = await changedFiles(contents.store, ...states)
  const rowsOf = async (files: readonly FileRows[]) => liveRows(await contents.read(files)).map(({ row }) => row)
  const [left, right] = [await rowsOf(changed.before), await rowsOf(changed.after)]
  const all = [one, other].map(async ({ metadata }) => idsOf((await contents.live(metadata)).map(({ row }) => row)))
  const [was, is] = await Promise.all(all as [Promise<string[]>, Promise<string[]>])
  const without = (ids: readonly string[], others: readonly string[]) => ids.filter((id) => !others.includes(id))
  expect(without(idsOf(left), idsOf(right))).toEqual(without(was, is))
  expect(without(idsOf(right), idsOf(left))).toEqual(without(is, was))
  if (changed.rows !== undefined) expect(changed.rows).toBe(is.length - was.length)
}

async function keysOf({ store }: FileContents): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of store.list('')) found.push(key)
  return found
}
