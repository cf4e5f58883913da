import { describe, expect, it } from '@jest/globals'
import { example } from '../testing/example.js'
import { type SnapshotSelection, selectSnapshot } from './select-snapshot.js'

describe('time travel', () => {
  const table = { ...example, refs: { ...example.refs, old: { 'snapshot-id': 1n, type: 'branch' as const } } }
  const select = (selection?: SnapshotSelection) => {
    const { snapshot, schema } = selectSnapshot(table, selection)
    return [snapshot?.['snapshot-id'], schema['schema-id']]
  }

  it('reads branches with the current schema, and the past with its own', () => {
    expect([
      select(),
      select({ ref: 'main' }),
      select({ ref: 'old' }),
      select({ ref: 'audit' }),
      select({ snapshotId: 1n }),
      select({ snapshotId: 2n }),
      select({ asOf: new Date(1999) }),
      select({ asOf: new Date(2000) }),
    ]).toEqual([
      [2n, 1],
      [2n, 1],
      [1n, 1],
      [1n, 0],
      [1n, 0],
      [2n, 1],
      [1n, 0],
      [2n, 1],
    ])
  })

  it('finds nothing in a table without data, unless something is asked for', () => {
    const { 'current-snapshot-id': _, refs: __, ...rest } = example
    const empty = { ...rest, snapshots: [], 'snapshot-log': [] }
    expect(selectSnapshot(empty)).toEqual({ snapshot: undefined, schema: example.schemas[1] })
    expect(() => selectSnapshot(empty, { ref: 'x' })).toThrow(expect.objectContaining({ code: 'PHLO_REF_NOT_FOUND' }))
  })

  it.each<[string, SnapshotSelection, string]>([
    ['a snapshot', { snapshotId: 3n }, 'PHLO_SNAPSHOT_NOT_FOUND'],
    ['a time', { asOf: new Date(999) }, 'PHLO_SNAPSHOT_NOT_FOUND'],
    ['a branch', { ref: 'none' }, 'PHLO_REF_NOT_FOUND'],
  ])('says so when there is no such %s', (_what, selection, code) => {
    expect(() => selectSnapshot(table, selection)).toThrow(expect.objectContaining({ code }))
  })
})
