import { isPhloError, type RowSchema } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { createRef, fastForward, removeRef, rollbackTo, setCurrentSnapshot } from '../commit/snapshot-refs.js'
import { expireSnapshots } from '../maintenance/expire-snapshots.js'
import { ancestors, isAncestor } from '../metadata/ancestry.js'
import { column } from '../testing/example-files.js'
import { type LiveFile, type Row, RowFiles, sorted } from '../testing/row-files.js'
import { FolderTables } from './folder-tables.js'
import type { Table, WriteOptions } from './table.js'

const rows: RowSchema = { columns: [column('value', 'int'), column('part', 'int')] }
const parts = 3
const values = 4

interface Step {
  readonly kind: (typeof kinds)[number]
  readonly part: number
  readonly value: number
  /** Chooses among what there is. */
  readonly pick: number
  readonly branch: string
  readonly stage: boolean
}

const kinds = [
  'append',
  'append',
  'overwrite-partition',
  'remove-files',
  'delete-by-position',
  'delete-by-value',
  'update',
  'rewrite',
  'branch',
  'tag',
  'remove-ref',
  'fast-forward',
  'rollback',
  'set-current',
  'cherry-pick',
  'expire',
] as const

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...kinds),
  part: fc.nat({ max: parts - 1 }),
  value: fc.nat({ max: values - 1 }),
  pick: fc.nat({ max: 1000 }),
  branch: fc.constantFrom('main', 'main', 'side'),
  stage: fc.boolean(),
})

/** What a plain implementation of tables would hold: the rows of every snapshot, and where each ref stands. */
class Model {
  readonly states = new Map<bigint, readonly Row[]>()
  /** What a snapshot did that can be done again. */
  readonly appended = new Map<bigint, readonly Row[]>()
  readonly replaced = new Map<bigint, ReadonlySet<number>>()
  readonly refs = new Map<string, bigint>()

  of(ref: string): readonly Row[] {
    const id = this.refs.get(ref)
    return id === undefined ? [] : (this.states.get(id) ?? [])
  }
}

class Run {
  private readonly files = new RowFiles()
  private readonly model = new Model()
  private readonly firstRowIds = new Map<string, number>()
  private ids = 0
  readonly done = new Map<string, number>()

  private readonly table: Table
  private readonly version: 2 | 3

  constructor(table: Table, version: 2 | 3) {
    this.table = table
    this.version = version
  }

  async take(step: Step): Promise<void> {
    const { table, model } = this
    // What is picked, or found on another branch, may have been numbered anew.
    if (['fast-forward', 'rollback', 'set-current', 'cherry-pick'].includes(step.kind)) this.firstRowIds.clear()
    const branch = model.refs.has(step.branch) ? step.branch : 'main'
    const options: WriteOptions = { branch, ...(step.stage && { stagedAs: `w${this.ids}` }) }
    const before = model.of(branch)
    const live = model.refs.has(branch) ? await this.files.files(table, { ref: branch }) : []
    const inPart = live.filter(({ file }) => file.partition[0] === step.part)
    const snapshots = table.metadata.snapshots ?? []
    const anySnapshot = snapshots.at(step.pick % Math.max(1, snapshots.length))?.['snapshot-id']
    const wrote = (id: bigint, state: readonly Row[]) => {
      model.states.set(id, state)
      if (!step.stage) model.refs.set(branch, id)
      this.count(step.kind)
    }
    switch (step.kind) {
      case 'append': {
        const added = this.newRows(step)
        const id = await table.append([this.files.data(table, added)], options)
        model.appended.set(id, added)
        return wrote(id, [...before, ...added])
      }
      case 'overwrite-partition': {
        const added = this.newRows(step)
        const id = await table.overwrite([this.files.data(table, added)], { partitions: true }, options)
        model.appended.set(id, added)
        model.replaced.set(id, new Set([step.part]))
        return wrote(id, [...before.filter(({ part }) => part !== step.part), ...added])
      }
      case 'remove-files': {
        const chosen = live.filter((_, index) => (step.pick >> index) & 1)
        const id = await table.write({ ...options, add: [], removePaths: new Set(chosen.map(({ file }) => file.path)) })
        return wrote(
          id,
          without(
            before,
            chosen.flatMap((item) => item.rows),
          ),
        )
      }
      case 'delete-by-position':
      case 'update': {
        const target = inPart.at(step.pick % Math.max(1, inPart.length))
        if (!target || target.rows.length === 0) return
        const leaving = target.rows.filter((_, index) => index === 0 || (step.pick >> index) & 1)
        const added = step.kind === 'update' ? leaving.map((row) => ({ ...row, id: `${row.id}'` })) : []
        const id = await table.rowDelta(
          {
            ...(added.length > 0 && { rows: [this.files.data(table, added)] }),
            deletes: [this.deletesOf(target, leaving, step.pick % 2 === 0)],
          },
          options,
        )
        return wrote(id, [...without(before, leaving), ...added])
      }
      case 'delete-by-value': {
        const added = this.newRows(step)
        const deletes = [this.files.equality(table, step.part, step.value)]
        const id = await table.rowDelta({ rows: [this.files.data(table, added)], deletes }, options)
        const stays = (row: Row) => row.part !== step.part || row.value !== step.value
        return wrote(id, [...before.filter(stays), ...added])
      }
      case 'rewrite': {
        const kept = inPart.flatMap((item) => item.rows)
        if (inPart.length === 0) return
        const sequenceNumber = table.metadata['last-sequence-number']
        const written = kept.length > 0 ? [{ ...this.files.data(table, kept), sequenceNumber }] : []
        return wrote(await table.rewrite(new Set(inPart.map(({ file }) => file.path)), written, options), before)
      }
      case 'branch':
      case 'tag': {
        if (model.refs.has('side') && step.kind === 'branch') return
        const name = step.kind === 'branch' ? 'side' : `tag${this.ids++}`
        if (anySnapshot === undefined) return
        await table.manageSnapshots(createRef(name, step.kind, { snapshotId: anySnapshot }))
        model.refs.set(name, anySnapshot)
        return this.count(step.kind)
      }
      case 'remove-ref': {
        const name = [...model.refs.keys()].filter((ref) => ref !== 'main').at(step.pick % 2)
        if (name === undefined) return
        await table.manageSnapshots(removeRef(name))
        model.refs.delete(name)
        return this.count(step.kind)
      }
      case 'fast-forward': {
        const [from, to] = [model.refs.get('main'), model.refs.get('side')]
        if (from === undefined || to === undefined || !isAncestor(table.metadata, to, from)) return
        await table.manageSnapshots(fastForward('main', 'side'))
        model.refs.set('main', to)
        return this.count(step.kind)
      }
      case 'rollback': {
        const history = [...ancestors(table.metadata, model.refs.get(branch))]
        const to = history.at(step.pick % Math.max(1, history.length))?.['snapshot-id']
        if (to === undefined) return
        await table.manageSnapshots(rollbackTo(to, branch))
        model.refs.set(branch, to)
        return this.count(step.kind)
      }
      case 'set-current':
        if (anySnapshot === undefined) return
        await table.manageSnapshots(setCurrentSnapshot(anySnapshot, branch))
        model.refs.set(branch, anySnapshot)
        return this.count(step.kind)
      case 'cherry-pick':
        return anySnapshot === undefined ? undefined : this.cherryPick(anySnapshot, branch)
      case 'expire':
        await expireSnapshots(table, { olderThan: new Date(Date.now() + 60_000), keepLast: 1 + (step.pick % 3) })
        return this.count(step.kind)
    }
  }

  /** Every ref and every snapshot hold the model's rows, and no row is counted twice. */
  async check(): Promise<void> {
    const { table, model } = this
    await table.load()
    const refs = Object.entries(table.metadata.refs ?? {}).map(([name, ref]) => [name, ref['snapshot-id']])
    expect(new Map(refs as [string, bigint][])).toEqual(model.refs)
    for (const snapshot of table.metadata.snapshots ?? []) {
      const id = snapshot['snapshot-id']
      expect(await this.files.read(table, { snapshotId: id })).toEqual(sorted(model.states.get(id) ?? []))
    }
    const files = model.refs.has('main') ? await this.files.files(table) : []
    if (files.length > 0) expect(table.snapshot()?.summary?.['total-data-files']).toBe(String(files.length))
    if (this.version === 3) this.checkRowIds(files)
  }

  /** Row ids stay what they are as long as a branch goes on, and no two rows share one. */
  private checkRowIds(files: readonly LiveFile[]): void {
    const ranges: [number, number][] = []
    for (const { file } of files) {
      const first = file.firstRowId!
      expect(this.firstRowIds.get(file.path) ?? first).toBe(first)
      this.firstRowIds.set(file.path, first)
      ranges.push([first, first + file.recordCount])
    }
    ranges.sort(([a], [b]) => a - b)
    for (const [index, [first]] of ranges.entries()) expect(first).toBeGreaterThanOrEqual(ranges[index - 1]?.[1] ?? 0)
    expect(this.table.metadata['next-row-id']).toBeGreaterThanOrEqual(ranges.at(-1)?.[1] ?? 0)
  }

  private async cherryPick(picked: bigint, branch: string): Promise<void> {
    const { table, model } = this
    const before = model.of(branch)
    try {
      await table.cherryPick(picked, branch)
    } catch (error) {
      if (isPhloError(error, 'PHLO_SNAPSHOT_UNFIT') || isPhloError(error, 'PHLO_COMMIT_CONFLICT'))
        return this.count('cherry-pick refused')
      throw error
    }
    const now = table.metadata.refs![branch]!['snapshot-id']
    model.refs.set(branch, now)
    if (now === picked) return this.count('cherry-pick moves')
    const replaced = model.replaced.get(picked)
    model.states.set(now, [...before.filter(({ part }) => !replaced?.has(part)), ...(model.appended.get(picked) ?? [])])
    model.appended.set(now, model.appended.get(picked) ?? [])
    if (replaced) model.replaced.set(now, replaced)
    return this.count('cherry-pick')
  }

  private deletesOf(target: LiveFile, leaving: readonly Row[], named: boolean) {
    const ids = new Set(leaving.map(({ id }) => id))
    if (this.version === 3) {
      // A vector holds what the one before it held.
      return this.files.vector(this.table, target.file, new Set([...ids, ...target.gone.map(({ id }) => id)]))
    }
    return this.files.positions(this.table, target.file.partition[0] as number, ids, named ? target.file : undefined)
  }

  private newRows({ part, pick }: Step): Row[] {
    const count = 1 + (pick % 3)
    return Array.from({ length: count }, (_, index) => ({ id: `r${this.ids++}`, value: (pick + index) % values, part }))
  }

  private count(what: string): void {
    this.done.set(what, (this.done.get(what) ?? 0) + 1)
  }
}

function without(rows: readonly Row[], gone: readonly Row[]): Row[] {
  const ids = new Set(gone.map(({ id }) => id))
  return rows.filter(({ id }) => !ids.has(id))
}

describe('any sequence of operations', () => {
  it.each([2, 3] as const)('on a table of version %s leaves the rows of a plain model', async (version) => {
    const done = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 20 }), async (steps) => {
        const table = await new FolderTables(new MemoryObjectStore()).create('t', {
          rows,
          partitioning: [{ column: 'part', transform: 'identity' }],
          formatVersion: version,
          properties: { 'commit.manifest.min-count-to-merge': '3' },
        })
        const run = new Run(table, version)
        for (const item of steps) {
          await run.take(item)
          await run.check()
        }
        for (const [what, count] of run.done) done.set(what, (done.get(what) ?? 0) + count)
      }),
      { numRuns: 60 },
    )
    for (const what of [...kinds, 'cherry-pick moves', 'cherry-pick refused'])
      expect([what, done.get(what) ?? 0]).not.toEqual([what, 0])
  })
})
