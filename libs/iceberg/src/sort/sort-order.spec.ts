import { describe, expect, it } from '@jest/globals'
import { currentSchema } from '../metadata/metadata.js'
import { applyUpdates } from '../metadata/updates.js'
import { bindSortOrder, newSortOrder } from './sort-order.js'
import { example } from '../testing/example.js'

const schema = currentSchema(example)
const invalid = expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' })

describe('a sort order', () => {
  it('is made of columns, transforms and directions, with NULL at the lower end by default', () => {
    expect(
      newSortOrder(schema, [
        { column: 'at', transform: 'day' },
        { column: 'id', direction: 'desc' },
        { column: 'name', nullOrder: 'nulls-last' },
        { column: 'id', transform: 'bucket[4]' },
      ]),
    ).toEqual({
      'order-id': 1,
      fields: [
        { transform: 'day', 'source-id': 2, direction: 'asc', 'null-order': 'nulls-first' },
        { transform: 'identity', 'source-id': 1, direction: 'desc', 'null-order': 'nulls-last' },
        { transform: 'identity', 'source-id': 3, direction: 'asc', 'null-order': 'nulls-last' },
        { transform: 'bucket[4]', 'source-id': 1, direction: 'asc', 'null-order': 'nulls-first' },
      ],
    })
    expect(newSortOrder(schema, [])).toEqual({ 'order-id': 0, fields: [] })
  })

  it('is bound to the types that it compares', () => {
    const order = newSortOrder(schema, [{ column: 'at', transform: 'hour' }, { column: 'name' }])
    expect(bindSortOrder(order, schema).map(({ sourceType, type }) => [sourceType.kind, type.kind])).toEqual([
      ['timestamptz', 'int'],
      ['string', 'string'],
    ])
  })

  it('of a newer writer is known to be unknown', () => {
    const field = { 'source-ids': [1, 2], transform: 'zorder', direction: 'asc', 'null-order': 'nulls-first' } as const
    expect(bindSortOrder({ 'order-id': 3, fields: [field] }, schema)).toEqual([
      {
        field,
        transform: { kind: 'unknown', text: 'zorder' },
        sourceType: { kind: 'unknown' },
        type: { kind: 'unknown' },
      },
    ])
  })

  it.each([
    [{ column: 'none' }],
    [{ column: 'place' }],
    [{ column: 'tags' }],
    [{ column: 'id', transform: 'day' }],
    [{ column: 'id', transform: 'zorder' }],
    [{ column: 'id', transform: 'void' }],
    [{ column: 'id' }, { column: 'id', direction: 'desc' as const }],
  ])('of %j is refused', (...columns) => {
    expect(() => newSortOrder(schema, columns)).toThrow(invalid)
  })

  it('that the table has is used again, and one that does not fit its columns is not taken', () => {
    const set = (columns: Parameters<typeof newSortOrder>[1]) =>
      applyUpdates(
        example,
        [
          { action: 'add-sort-order', 'sort-order': newSortOrder(schema, columns) },
          { action: 'set-default-sort-order', 'sort-order-id': -1 },
        ],
        { now: 1 },
      )
    expect(set([{ column: 'id' }])['sort-orders']).toEqual(example['sort-orders'])
    expect(set([])['default-sort-order-id']).toBe(0)
    expect(set([{ column: 'id', direction: 'desc' }])['default-sort-order-id']).toBe(2)
    const foreign = { transform: 'day', 'source-id': 1, direction: 'asc', 'null-order': 'nulls-first' } as const
    expect(() =>
      applyUpdates(
        example,
        [
          { action: 'add-sort-order', 'sort-order': { 'order-id': 1, fields: [foreign] } },
          { action: 'set-default-sort-order', 'sort-order-id': -1 },
        ],
        { now: 1 },
      ),
    ).toThrow(invalid)
  })
})
