import { isPhloError, type RowSchema } from '@phlo/ports'
import { MemoryObjectStore } from '@phlo/ports/testing'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { rowsMatching } from '../commit/rows-matching.js'
import type { SnapshotChange } from '../commit/snapshot-change.js'
import { TableTransaction } from '../commit/transaction.js'
import type { DataFile } from '../manifest/data-file.js'
import type { Expression } from '../scan/expression.js'
import { column } from '../testing/example-files.js'
import { type Row, RowFiles, sorted } from '../testing/row-files.js'
import { FolderTables } from './folder-tables.js'
import type { Table } from './table.js'

const rows: RowSchema = { columns: [column('value', 'int'), column('part', 'int')] }

const kinds = [
  'append',
  'insert missing',
  'delete by position',
  'delete by value',
  'delete by copy',
  'update by position',
  'update by copy',
  'overwrite partition',
  'overwrite by rule',
  'compact',
  'compact with old numbers',
] as const

interface Intent {
  readonly kind: (typeof kinds)[number]
  readonly part: number
  readonly value: number
}

const intent: fc.Arbitrary<Intent> = fc.record({
  kind: fc.constantFrom(...kinds),
  part: fc.nat({ max: 1 }),
  value: fc.nat({ max: 2 }),
})

const hits =
  ({ part, value }: Intent) =>
  (row: Row) =>
    row.part === part && row.value === value
const newRow = ({ part, value }: Intent, writer: string): Row => ({ id: writer, value, part })
const updated = (row: Row, writer: string): Row => ({ ...row, id: `${row.id}-${writer}` })

/** What the operation means, on rows. */
function outcome(before: readonly Row[], item: Intent, writer: string): Row[] {
  const hit = hits(item)
  switch (item.kind) {
    case 'append':
      return [...before, newRow(item, writer)]
    case 'insert missing':
      return before.some(hit) ? [...before] : [...before, newRow(item, writer)]
    case 'delete by position':
    case 'delete by value':
    case 'delete by copy':
      return before.filter((row) => !hit(row))
    case 'update by position':
    case 'update by copy':
      return before.map((row) => (hit(row) ? updated(row, writer) : row))
    case 'overwrite partition':
    case 'overwrite by rule':
      return [...before.filter(({ part }) => part !== item.part), newRow(item, writer)]
    case 'compact':
    case 'compact with old numbers':
      return [...before]
  }
}

/** How a writer does it, having read the table. */
async function changeFor(table: Table, files: RowFiles, item: Intent, writer: string): Promise<SnapshotChange> {
  const column = (name: string, value: number): Expression => ({ op: 'eq', column: name, value })
  const inPart = column('part', item.part)
  const validation = { filter: { op: 'and', left: inPart, right: column('value', item.value) } } as const
  const live = (await files.files(table)).filter(({ file }) => file.partition[0] === item.part)
  const hit = hits(item)
  const touched = live.filter((found) => found.rows.some(hit))
  const paths = (found: typeof live) => new Set(found.map(({ file }) => file.path))
  const holding = (kept: readonly Row[]) => (kept.length > 0 ? [files.data(table, kept)] : [])
  const positions = (): DataFile[] =>
    touched.map(({ file, rows: left, gone }) => {
      const leaving = new Set(left.filter(hit).map(({ id }) => id))
      if (table.metadata['format-version'] === 2) return files.positions(table, item.part, leaving, file)
      return files.vector(table, file, new Set([...leaving, ...gone.map(({ id }) => id)]))
    })
  const found = touched.flatMap((file) => file.rows)
  const renewed = found.filter(hit).map((row) => updated(row, writer))
  switch (item.kind) {
    case 'append':
      return { add: [files.data(table, [newRow(item, writer)])] }
    case 'insert missing':
      return { add: found.length > 0 ? [] : [files.data(table, [newRow(item, writer)])], validation }
    case 'delete by position':
      return { add: positions(), validation }
    case 'delete by value':
      return { add: [files.equality(table, item.part, item.value)], validation }
    case 'delete by copy':
      return { add: holding(found.filter((row) => !hit(row))), removePaths: paths(touched), validation }
    case 'update by position':
      return { add: [...positions(), ...holding(renewed)], validation }
    case 'update by copy':
      return {
        add: holding([...found.filter((row) => !hit(row)), ...renewed]),
        removePaths: paths(touched),
        validation,
      }
    case 'overwrite partition':
      return { add: [files.data(table, [newRow(item, writer)])], replacePartitions: true }
    case 'overwrite by rule':
      return {
        add: [files.data(table, [newRow(item, writer)])],
        remove: rowsMatching(table.metadata, inPart),
        validation: { isolation: 'none' },
      }
    case 'compact':
    case 'compact with old numbers': {
      const sequenceNumber = table.metadata['last-sequence-number']
      const kept = holding(live.flatMap((file) => file.rows))
      return {
        add: item.kind === 'compact' ? kept : kept.map((file) => ({ ...file, sequenceNumber })),
        removePaths: paths(live),
        ...(live.length > 0 && { operation: 'replace' as const }),
      }
    }
  }
}

describe('of two writers that started from the same state', () => {
  it.each([2, 3] as const)(
    'the second is refused, or all is as if they came one after the other; version %s',
    async (formatVersion) => {
      const counts = { refused: 0, committed: 0 }
      const existing = fc.array(
        fc.tuple(fc.nat({ max: 1 }), fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 3 })),
        {
          maxLength: 3,
        },
      )
      await fc.assert(
        fc.asyncProperty(existing, fc.option(intent), intent, intent, async (lists, before, first, second) => {
          const files = new RowFiles()
          const tables = new FolderTables(new MemoryObjectStore())
          const table = await tables.create('t', {
            rows,
            partitioning: [{ column: 'part', transform: 'identity' }],
            formatVersion,
            properties: { 'commit.manifest.min-count-to-merge': '2' },
          })
          for (const [index, [part, values]] of lists.entries())
            await table.append([
              files.data(
                table,
                values.map((value, at) => ({ id: `${index}.${at}`, value, part })),
              ),
            ])
          // Some deletes may be there from before.
          if (before) await table.write(await changeFor(table, files, before, 'before'))
          const start = await files.read(table)
          const late = TableTransaction.change(table.store, table.metadata)
          await late.addSnapshot(await changeFor(table, files, second, 'second'))
          await table.write(await changeFor(table, files, first, 'first'))
          try {
            await late.rebase(table.metadata)
          } catch (error) {
            if (!isPhloError(error, 'PHLO_COMMIT_CONFLICT')) throw error
            counts.refused++
            return
          }
          counts.committed++
          await table.commit(late.requirements, late.updates)
          const orders = [
            outcome(outcome(start, first, 'first'), second, 'second'),
            outcome(outcome(start, second, 'second'), first, 'first'),
          ].map(sorted)
          expect(orders).toContainEqual(await files.read(table))
        }),
        { numRuns: 400 },
      )
      expect(counts.refused).toBeGreaterThan(20)
      expect(counts.committed).toBeGreaterThan(20)
    },
  )
})
