import { describe, expect, it } from '@jest/globals'
import { bindSpec } from '../partition/partition-spec.js'
import type { Value } from '../types/value.js'
import { filePartition } from './file-partition.js'

const schema = {
  type: 'struct',
  'schema-id': 0,
  fields: [
    { id: 1, name: 'day', required: false, type: 'date' },
    { id: 2, name: 'region', required: false, type: 'string' },
    { id: 3, name: 'at', required: false, type: 'timestamp' },
    { id: 4, name: 'id', required: false, type: 'long' },
  ],
} as const

const spec = (...fields: (readonly [source: number, name: string, transform: string])[]) =>
  bindSpec(
    {
      'spec-id': 0,
      fields: fields.map(([source, name, transform], index) => ({
        'source-id': source,
        'field-id': 1000 + index,
        name,
        transform,
      })),
    },
    schema,
  )

const nothing = () => undefined
const between = (lower: Value, upper: Value, hasNulls = false) => ({ lower, upper, hasNulls })

describe('the partition of a file', () => {
  it('is told by the folders of its path', () => {
    const fields = spec([1, 'day', 'identity'], [2, 'region', 'identity'])
    expect(filePartition('in/day=1970-01-11/region=S%C3%BCd%2FOst/a.parquet', fields, nothing)).toEqual({
      partition: [10, 'Süd/Ost'],
    })
    expect(filePartition('day=1970-01-02/region=__HIVE_DEFAULT_PARTITION__/a.parquet', fields, nothing)).toEqual({
      partition: [1, null],
    })
    expect(filePartition('region=x/day=1970-01-02.parquet', fields, nothing)).toEqual({ doubt: 'day' })
    expect(filePartition('day=soon/region=x/a.parquet', fields, nothing)).toEqual({ doubt: 'day' })
    expect(filePartition('at_day=1970-01-03/a', spec([3, 'at_day', 'day']), nothing)).toEqual({ partition: [2] })
  })

  it('is told by statistics whose ends are of one partition', () => {
    const day = 86_400_000_000n
    const fields = spec([3, 'at_day', 'day'], [4, 'ids', 'truncate[100]'])
    const ranges = new Map([
      [3, between(day, day * 2n - 1n)],
      [4, between(100n, 199n)],
    ])
    expect(filePartition('a.parquet', fields, (id) => ranges.get(id))).toEqual({ partition: [1, 100n] })
    ranges.set(4, between(100n, 200n))
    expect(filePartition('a.parquet', fields, (id) => ranges.get(id))).toEqual({ doubt: 'ids' })
    ranges.set(3, between(day, day, true))
    expect(filePartition('a.parquet', fields, (id) => ranges.get(id))).toEqual({ doubt: 'at_day' })
  })

  it('is not guessed for buckets, and of nothing where nothing is partitioned', () => {
    expect(filePartition('a', spec([4, 'b', 'bucket[4]']), () => between(1n, 1n))).toEqual({ doubt: 'b' })
    expect(filePartition('b=3/a', spec([4, 'b', 'bucket[4]']), nothing)).toEqual({ partition: [3] })
    expect(filePartition('a', spec([4, 'v', 'void']), nothing)).toEqual({ partition: [null] })
    expect(filePartition('a', [], nothing)).toEqual({ partition: [] })
  })
})
