import { describe, expect, it } from '@jest/globals'
import { parseMetadata } from '@phlo/iceberg'
import { PhloError, type TableUpdate } from '@phlo/ports'
import { identifier, metadataText } from '../testing/example-table.js'
import { type Attempt, settled, shows } from './unknown-outcome.js'

/** Runs a change whose attempts and looks go as listed; what is listed last goes on. */
async function run(
  attempts: readonly (Attempt<string> | PhloError)[],
  looks: readonly (string | undefined | PhloError)[],
) {
  let [sent, looked] = [0, 0]
  const result = settled(
    'table a.t',
    async () => {
      const attempt = attempts[Math.min(sent++, attempts.length - 1)] as Attempt<string> | PhloError
      if (attempt instanceof PhloError) throw attempt
      return attempt
    },
    async () => {
      const look = looks[Math.min(looked++, looks.length - 1)]
      if (look instanceof PhloError) throw look
      return look
    },
  )
  const outcome = await result.catch((error: unknown) => (error as PhloError).code)
  return { outcome, sent, looked }
}

const lost = { unknown: 'the connection broke' }
const conflict = new PhloError('PHLO_COMMIT_CONFLICT', 'the table moved')
const down = new PhloError('PHLO_CATALOG_FAILED', 'the server is gone')

describe('A change whose answer got lost', () => {
  it('is not sent again where the catalog shows it', async () => {
    expect(await run([lost], ['found'])).toEqual({ outcome: 'found', sent: 1, looked: 1 })
  })

  it('is sent again where the catalog does not show it', async () => {
    expect(await run([lost, { done: 'second' }], [undefined])).toEqual({ outcome: 'second', sent: 2, looked: 1 })
  })

  it('is what the second attempt stumbled over, where the catalog shows it then', async () => {
    expect(await run([lost, conflict], [undefined, 'found'])).toEqual({ outcome: 'found', sent: 2, looked: 2 })
  })

  it('has lost to another where it is refused the second time and the catalog does not show it', async () => {
    expect(await run([lost, conflict], [undefined])).toMatchObject({ outcome: 'PHLO_COMMIT_CONFLICT', sent: 2 })
  })

  it('stays unknown where the catalog cannot be asked', async () => {
    expect(await run([lost], [down])).toEqual({ outcome: 'PHLO_COMMIT_UNKNOWN', sent: 1, looked: 1 })
  })

  it('stays unknown where every answer gets lost', async () => {
    expect((await run([lost], [undefined])).outcome).toBe('PHLO_COMMIT_UNKNOWN')
  })
})

describe('A change that is refused at once', () => {
  it('is not looked for', async () => {
    expect(await run([conflict], ['found'])).toEqual({ outcome: 'PHLO_COMMIT_CONFLICT', sent: 1, looked: 0 })
  })
})

describe('A table shows', () => {
  const table = parseMetadata(
    Buffer.from(metadataText({ properties: { k: 'v' }, snapshots: ['11', '3055729675574597004'] })),
    't',
  )
  const snapshot = (id: bigint): TableUpdate => ({
    action: 'add-snapshot',
    snapshot: { 'snapshot-id': id, 'timestamp-ms': 1, 'manifest-list': 'm', summary: { operation: 'append' } },
  })
  const uuid = (text: string): TableUpdate => ({ action: 'assign-uuid', uuid: text })

  it.each<[string, readonly TableUpdate[], boolean]>([
    ['a snapshot by its id', [snapshot(3055729675574597004n)], true],
    ['a snapshot that others came after', [snapshot(11n)], true],
    ['no snapshot that is not there', [snapshot(12n)], false],
    ['itself by its uuid', [uuid('6a1d1e6e-5d0c-4a51-9b3e-2c1b1f8f2d11')], true],
    ['no other table of its name', [uuid('00000000-0000-4000-8000-000000000000')], false],
    ['a property', [{ action: 'set-properties', updates: { k: 'v' } }], true],
    ['no property of another value', [{ action: 'set-properties', updates: { k: 'w' } }], false],
    ['that a property is gone', [{ action: 'remove-properties', removals: ['gone'] }], true],
    ['no property as gone that is there', [{ action: 'remove-properties', removals: ['k'] }], false],
    ['no change that it would refuse', [{ action: 'set-current-schema', 'schema-id': 7 }], false],
  ])('%s', (_, updates, expected) => {
    expect(shows(identifier, table, updates)).toBe(expected)
  })
})
