import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { refSnapshot } from '@phlo/iceberg'
import type { Snapshot } from '@phlo/ports'
import { canonical, Readers } from './readers.js'

let readers: Readers
beforeAll(async () => {
  readers = await Readers.open()
})
afterAll(() => readers.close())

const rows = (...ids: readonly number[]) => canonical(ids.map((id) => ({ id })))

it('a long history, compressed in parts of which most are kept, is read by others as any other', async () => {
  const { lake } = readers
  const name = 'long.history'
  await lake.materialize(name, 'SELECT 1::INT AS id', 'replace')
  const table = await lake.table(name)
  const first = refSnapshot(table.metadata) as Snapshot
  // Snapshots of the same rows, as if they had been rewritten often.
  const later = Array.from({ length: 1200 }, (_, index): Snapshot => ({
    ...first,
    'snapshot-id': 1_000_000n + BigInt(index),
    'parent-snapshot-id': index === 0 ? first['snapshot-id'] : 1_000_000n + BigInt(index - 1),
    'sequence-number': (first['sequence-number'] ?? 0) + 1 + index,
  }))
  const last = later.at(-1) as Snapshot
  await table.commit(
    [],
    [
      ...later.map((snapshot) => ({ action: 'add-snapshot' as const, snapshot })),
      { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': last['snapshot-id'] },
    ],
  )
  for (const id of [2, 3, 4]) {
    await lake.materialize(name, `SELECT ${id}::INT AS id`, 'append')
    expect(await lake.metadata(name)).toMatch(/\.gz\.metadata\.json$/)
    const ids = Array.from({ length: id }, (_, index) => index + 1)
    await readers.expectRows(name, rows(...ids))
  }
  for (const { 'snapshot-id': snapshotId } of [first, later[3] as Snapshot, last])
    await readers.expectRows(name, rows(1), { snapshotId })
  await readers.expectAgreement(name)
})
