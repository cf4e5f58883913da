import type { Snapshot, SnapshotRef, TableMetadata } from '@phlo/ports'
import { describe, expect, it } from '@jest/globals'
import { example } from '../testing/example.js'
import { expiredBy, type RetentionPolicy } from './retention.js'

const day = 24 * 60 * 60 * 1000
const now = 100 * day

/** A snapshot made so many days ago. */
function snapshot(id: number, daysAgo: number, parent?: number): Snapshot {
  return {
    'snapshot-id': BigInt(id),
    'timestamp-ms': now - daysAgo * day,
    'manifest-list': `memory:///t/metadata/snap-${id}.avro`,
    ...(parent !== undefined && { 'parent-snapshot-id': BigInt(parent) }),
  }
}

const branch = (id: number, more: Partial<SnapshotRef> = {}): SnapshotRef => ({
  'snapshot-id': BigInt(id),
  type: 'branch',
  ...more,
})
const tag = (id: number, more: Partial<SnapshotRef> = {}): SnapshotRef => ({ ...branch(id, more), type: 'tag' })

function table(
  snapshots: readonly Snapshot[],
  refs: Readonly<Record<string, SnapshotRef>>,
  properties: Readonly<Record<string, string>> = {},
): TableMetadata {
  const current = refs['main']?.['snapshot-id']
  const { 'current-snapshot-id': _, ...rest } = example
  return { ...rest, snapshots, refs, properties, ...(current !== undefined && { 'current-snapshot-id': current }) }
}

/** Four on main, ten, eight, three and one days old. */
const chain = [snapshot(1, 10), snapshot(2, 8, 1), snapshot(3, 3, 2), snapshot(4, 1, 3)]

const expired = (metadata: TableMetadata, policy: RetentionPolicy = {}) => expiredBy(metadata, policy, now)

describe('retention', () => {
  it('keeps five days and the newest of every branch', () => {
    expect(expired(table(chain, { main: branch(4) }))).toEqual({ snapshotIds: [1n, 2n], refs: [] })
    expect(expired(table([snapshot(1, 90), snapshot(2, 80, 1)], { main: branch(2) })).snapshotIds).toEqual([1n])
  })

  it('follows the table’s properties, and the caller before them', () => {
    const properties = {
      'history.expire.max-snapshot-age-ms': String(2 * day),
      'history.expire.min-snapshots-to-keep': '2',
    }
    const metadata = table(chain, { main: branch(4) }, properties)
    expect(expired(metadata).snapshotIds).toEqual([1n, 2n])
    expect(expired(metadata, { keepLast: 1 }).snapshotIds).toEqual([1n, 2n, 3n])
    expect(expired(metadata, { olderThan: new Date(now - 9 * day) }).snapshotIds).toEqual([1n])
  })

  it('follows what a branch says of itself', () => {
    const short = { main: branch(4, { 'max-snapshot-age-ms': 2 * day }) }
    expect(expired(table(chain, short)).snapshotIds).toEqual([1n, 2n, 3n])
    const many = { main: branch(4, { 'max-snapshot-age-ms': 1, 'min-snapshots-to-keep': 3 }) }
    expect(expired(table(chain, many)).snapshotIds).toEqual([1n])
  })

  it('keeps what another branch or a tag stands at', () => {
    const forked = [...chain, snapshot(5, 7, 1)]
    const refs = { main: branch(4), audit: branch(5), release: tag(2) }
    expect(expired(table(forked, refs))).toEqual({ snapshotIds: [1n], refs: [] })
  })

  it('removes refs that have outlived their age, but never main', () => {
    const refs = {
      main: branch(1, { 'max-ref-age-ms': 1 }),
      old: tag(2, { 'max-ref-age-ms': 5 * day }),
      young: tag(3, { 'max-ref-age-ms': 5 * day }),
    }
    expect(expired(table(chain, refs))).toEqual({ snapshotIds: [2n], refs: ['old'] })
  })

  it('keeps young snapshots that no ref leads to: they may be staged', () => {
    const staged = [...chain, snapshot(5, 2, 4), snapshot(6, 6, 1)]
    expect(expired(table(staged, { main: branch(4) })).snapshotIds).toEqual([1n, 2n, 6n])
  })

  it('removes exactly the snapshots that are named', () => {
    const metadata = table(chain, { main: branch(4), release: tag(2) })
    expect(expired(metadata, { snapshotIds: [3n, 3n] })).toEqual({ snapshotIds: [3n], refs: [] })
    expect(() => expired(metadata, { snapshotIds: [9n] })).toThrow(
      expect.objectContaining({ code: 'PHLO_SNAPSHOT_NOT_FOUND' }),
    )
    for (const id of [2n, 4n])
      expect(() => expired(metadata, { snapshotIds: [id] })).toThrow(
        expect.objectContaining({ code: 'PHLO_MAINTENANCE_REFUSED' }),
      )
  })

  it('ends on a circle of parents', () => {
    const circle = [snapshot(1, 10, 2), snapshot(2, 9, 1)]
    expect(expired(table(circle, { main: branch(2) })).snapshotIds).toEqual([1n])
  })
})
