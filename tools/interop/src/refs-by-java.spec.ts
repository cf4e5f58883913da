import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { JavaTables } from './java-tables.js'
import { canonical } from './readers.js'

let tables: JavaTables
beforeAll(async () => {
  tables = await JavaTables.open()
})
afterAll(() => tables.close())

type Row = { readonly id: number; readonly v: string }

const row = (id: number, v = `v${id}`): Row => ({ id, v })

/** Phlo and Iceberg Java find the same snapshots behind the names, and the rows that these have. */
async function expectRefs(name: string, refs: Readonly<Record<string, readonly Row[]>>): Promise<void> {
  const { lake, java, witness } = tables.readers
  const { metadata, metadataLocation } = await lake.load(`java.${name}`)
  const location = metadataLocation.replace(/^file:\/\//, '')
  const ids = Object.fromEntries(
    Object.entries(metadata.refs ?? {}).map(([ref, { 'snapshot-id': id }]) => [ref, id.toString()]),
  )
  expect(Object.keys(ids).sort()).toEqual(Object.keys(refs).sort())
  expect((await witness.describe(location)).refs).toEqual(ids)
  for (const [ref, rows] of Object.entries(refs)) {
    expect({ ref, rows: await java.read(location, { ref }) }).toEqual({ ref, rows: canonical(rows) })
    await tables.expectRows(name, rows, { snapshotId: BigInt(ids[ref] ?? 0) })
  }
}

describe('snapshots that Iceberg Java names', () => {
  it('by branches and tags, which go their own ways', async () => {
    const name = 'branches'
    const main = [row(1), row(2)]
    await tables.create(name, { id: 'int', v: 'string' }, {}, { do: 'append', rows: main })
    await tables.change(name, { do: 'snapshots', branch: 'b' }, { do: 'snapshots', tag: 't' })
    await expectRefs(name, { main, b: main, t: main })
    await tables.change(
      name,
      { do: 'append', rows: [row(3)] },
      { do: 'append', branch: 'b', rows: [row(4)] },
      { do: 'rowDelta', branch: 'b', where: { op: 'eq', column: 'id', value: 1 }, rows: [row(1, 'changed')] },
    )
    const b = [row(1, 'changed'), row(2), row(4)]
    await expectRefs(name, { main: [...main, row(3)], b, t: main })
    await tables.change(
      name,
      { do: 'snapshots', branch: 'c' },
      { do: 'rowDelta', branch: 'c', where: { op: 'eq', column: 'id', value: 2 } },
      { do: 'snapshots', fastForward: 'main', to: 'c' },
      { do: 'snapshots', removeBranch: 'b' },
    )
    const c = [row(1), row(3)]
    await expectRefs(name, { main: c, c, t: main })
  })

  it('by their time', async () => {
    const name = 'times'
    await tables.create(name, { id: 'int', v: 'string' }, {}, { do: 'append', rows: [row(1)] })
    await tables.change(name, { do: 'append', rows: [row(2)] })
    await tables.change(name, { do: 'schema', changes: [{ rename: 'v', to: 'w' }] })
    await tables.change(name, { do: 'delete', filter: { op: 'eq', column: 'id', value: 1 } })
    const { lake, java, witness } = tables.readers
    const { metadata } = await lake.load(`java.${name}`)
    const location = await lake.metadata(`java.${name}`)
    const log = metadata['snapshot-log'] ?? []
    expect(log).toHaveLength(3)
    for (const { 'timestamp-ms': asOf, 'snapshot-id': id } of log) {
      const file = await lake.arrowFile(`java.${name}`, { asOf: new Date(asOf) })
      const phlo = await witness.arrowRows(location, file, id.toString())
      expect({ id, rows: phlo }).toEqual({ id, rows: await java.read(location, { asOf }) })
    }
    expect(await java.read(location, { asOf: log[1]!['timestamp-ms'] })).toEqual([row(1), row(2)])
  })

  it('as current: rolled back, set, staged and picked', async () => {
    const name = 'current'
    const [first, second] = await tables.create(
      name,
      { id: 'int', v: 'string' },
      {},
      { do: 'append', rows: [row(1)] },
      { do: 'append', rows: [row(2)] },
    )
    await tables.change(name, { do: 'snapshots', rollback: first! })
    await tables.expectRows(name, [row(1)])
    const [staged] = await tables.change(name, { do: 'append', wap: 'w1', rows: [row(3)] })
    await tables.expectRows(name, [row(1)])
    await tables.expectRows(name, [row(1), row(3)], { snapshotId: staged! })
    await tables.change(name, { do: 'append', rows: [row(4)] })
    await tables.change(name, { do: 'snapshots', cherrypick: staged! })
    await tables.expectRows(name, [row(1), row(3), row(4)])
    await tables.change(name, { do: 'snapshots', setCurrent: second! })
    await tables.expectRows(name, [row(1), row(2)])
  })

  it('until they expire', async () => {
    const name = 'expired'
    const snapshots = await tables.create(
      name,
      { id: 'int', v: 'string' },
      {},
      { do: 'append', rows: [row(1), row(2), row(3)] },
      { do: 'rowDelta', where: { op: 'eq', column: 'id', value: 2 } },
      { do: 'snapshots', tag: 'kept' },
      { do: 'compact' },
      { do: 'append', rows: [row(4)] },
    )
    await tables.change(name, { do: 'expire', ids: [snapshots[0]!, snapshots[3]!] })
    await tables.expectRows(name, [row(1), row(3), row(4)])
    await expectRefs(name, { main: [row(1), row(3), row(4)], kept: [row(1), row(3)] })
    await tables.change(name, { do: 'append', rows: [row(5)] })
    await tables.expectRows(name, [row(1), row(3), row(4), row(5)])
  })
})
