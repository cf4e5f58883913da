import { describe, expect, it } from '@jest/globals'
import { rowSchemaFromZod } from '@phlo/schema'
import { z } from 'zod'
import { declaredStrategy, type StrategyPlace } from './write-strategy.js'

const { rows } = rowSchemaFromZod(
  z.object({
    id: z.int(),
    op: z.enum(['insert', 'update', 'delete']),
    lsn: z.int(),
    region: z.string(),
    note: z.string().nullable(),
    tags: z.array(z.string()),
  }),
)
const place: StrategyPlace = { rows, key: ['id'], hasPartitions: false, isDivided: false }
const declare = (options: object | undefined, at: Partial<StrategyPlace> = {}) =>
  declaredStrategy(options, { ...place, ...at })

describe('a declared strategy', () => {
  it.each<[object | undefined, Partial<StrategyPlace>, object]>([
    [undefined, {}, { kind: 'merge', key: ['id'], keep: 'last' }],
    [undefined, { key: [] }, { kind: 'overwrite' }],
    [undefined, { hasPartitions: true, isDivided: true }, { kind: 'overwrite' }],
    [{ keep: 'hash' }, {}, { kind: 'merge', key: ['id'], keep: 'hash' }],
    [{ orderBy: 'lsn' }, {}, { kind: 'merge', key: ['id'], keep: 'last', orderBy: 'lsn' }],
    [{ strategy: 'append' }, {}, { kind: 'append' }],
    [{ strategy: 'insert-only' }, {}, { kind: 'insert-only', key: ['id'], keep: 'first' }],
    [{ strategy: 'delete-insert' }, { isDivided: true }, { kind: 'delete-insert' }],
    [{ strategy: 'delete-insert', by: 'region' }, { key: [] }, { kind: 'delete-insert', by: ['region'] }],
    [{ strategy: 'scd2' }, {}, { kind: 'scd2', key: ['id'], keep: 'last', absent: 'close' }],
    [
      { strategy: 'scd2', absent: 'keep', keep: 'first', orderBy: 'lsn' },
      {},
      { kind: 'scd2', key: ['id'], keep: 'first', orderBy: 'lsn', absent: 'keep' },
    ],
    [
      { strategy: 'cdc', operation: { column: 'op' }, position: 'lsn' },
      {},
      {
        kind: 'cdc',
        key: ['id'],
        position: ['lsn'],
        operation: { column: 'op', deletes: ['delete'] },
        deletion: 'hard',
      },
    ],
  ])('of %j, with %j', (options, at, expected) => {
    expect(declare(options, at)).toEqual(expected)
  })

  const changes = { strategy: 'cdc', operation: { column: 'op' }, position: 'lsn' }
  it.each<[object, Partial<StrategyPlace>, string]>([
    [{ strategy: 'scd3' }, {}, 'There is no merge strategy "scd3"'],
    [{ strategy: 'constructor' }, {}, 'There is no merge strategy "constructor"'],
    [{ strategy: 'append', keep: 'last' }, {}, 'There is no option of the append strategy "keep"'],
    [{ strategy: 'insert-only', keep: 'hash' }, {}, 'There is no row to keep "hash"'],
    [{ strategy: 'scd2', absent: 'drop' }, {}, 'There is no absent "drop"'],
    [{ strategy: 'insert-only' }, { key: [] }, 'The insert-only strategy needs a uniqueKey'],
    [{ keep: 'hash', orderBy: 'lsn' }, {}, 'keep: hash keeps all rows that differ'],
    [{ orderBy: 'late' }, {}, 'merge.orderBy names "late", which is no column of the schema'],
    [{ orderBy: 'note' }, {}, 'merge.orderBy names note, which may be NULL'],
    [{ orderBy: 'tags' }, {}, 'merge.orderBy names tags, which is nested'],
    [{ strategy: 'delete-insert' }, {}, 'The delete-insert strategy needs columns or partitions'],
    [{ strategy: 'delete-insert', by: [] }, {}, 'merge.by names no column'],
    [{ strategy: 'scd2' }, { hasPartitions: true }, 'A history has no partitions of its source'],
    [
      { strategy: 'scd2' },
      { rows: rowSchemaFromZod(z.object({ id: z.int(), valid_to: z.string() })).rows },
      'A history has a column valid_to of its own',
    ],
    [changes, { hasPartitions: true }, 'Changes of a log have no partitions'],
    [{ strategy: 'cdc', position: 'lsn' }, {}, 'The cdc strategy needs an operation and a position'],
    [{ ...changes, operation: { column: 'region' } }, {}, 'merge.operation names region, of which it is not known'],
    [{ ...changes, operation: { column: 'op', deletes: ['d'] } }, {}, 'There is no value of op "d"'],
    [{ ...changes, deletion: 'maybe' }, {}, 'There is no deletion "maybe"'],
  ])('is refused: %j', (options, at, message) => {
    expect(() => declare(options, at)).toThrow(
      expect.objectContaining({ code: 'PHLO_WORKFLOW_INVALID', message: expect.stringContaining(message) }),
    )
  })
})
