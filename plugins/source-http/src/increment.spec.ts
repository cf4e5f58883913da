import { afterEach, describe, expect, it } from '@jest/globals'
import { ScriptedServer } from '@phlo/http/testing'
import fc from 'fast-check'
import { readAll } from './testing/test-source.js'

let server: ScriptedServer | undefined
afterEach(async () => {
  await server?.stop()
})

/** An API that gives what is at or after `since`, two at a time. */
async function serving(rows: () => readonly { readonly at: string | number }[]): Promise<object> {
  server = await ScriptedServer.start(({ path }) => {
    const { searchParams } = new URL(path, 'http://x')
    const since = searchParams.get('since')
    const page = Number(searchParams.get('page') ?? 1)
    const found = rows().filter(
      ({ at }) => since === null || (typeof at === 'number' ? at >= Number(since) : at >= since),
    )
    return { status: 200, json: found.slice((page - 1) * 2, page * 2) }
  })
  return { baseUrl: server.uri, path: 'x', pagination: { type: 'page' } }
}

const sinces = () => server!.seen.map(({ path }) => new URL(path, 'http://x').searchParams.get('since'))

describe('an increment', () => {
  it('gives each record exactly once over any reads, whatever came at the same time as the last', async () => {
    let rows: { at: number; id: number }[] = []
    const options = { ...(await serving(() => rows)), incremental: { field: 'at', parameter: 'since' } }
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 5 }), { maxLength: 5 }),
        async (steps) => {
          rows = []
          const taken: unknown[] = []
          let cursor: unknown
          let at = 0
          for (const step of steps) {
            for (const later of step) rows.push({ at: (at += later), id: rows.length })
            const read = await readAll(options, { cursor })
            taken.push(...read.rows)
            cursor = read.cursor === undefined ? undefined : JSON.parse(JSON.stringify(read.cursor))
          }
          expect(taken).toEqual(rows)
        },
      ),
      { numRuns: 20 },
    )
  })

  it('asks from the first value, then from the last less the lag', async () => {
    const rows = [{ at: '2024-03-01T10:00:00.500Z' }, { at: '2024-03-01T09:00:00Z' }]
    const options = { ...(await serving(() => rows)), pagination: { type: 'none' } }
    const incremental = { field: 'at', parameter: 'since', initial: '2024', lag: '90m' }
    const { cursor } = await readAll({ ...options, incremental })
    await readAll({ ...options, incremental }, { cursor })
    await readAll({ ...options, incremental: { ...incremental, lag: 0 } }, { cursor })
    expect(sinces()).toEqual(['2024', '2024-03-01T08:30:00.500Z', '2024-03-01T10:00:00.500Z'])
  })

  it.each([
    ['2024-03-01', '1d', '2024-02-29'],
    ['2024-03-01T00:30:00', '1h', '2024-02-29T23:30:00.000'],
    ['2024-03-01T01:30:00+02:00', '1h', '2024-02-29T22:30:00.000Z'],
    [1000, 10, '990'],
  ])('keeps the spelling of %p less %p', async (at, lag, asked) => {
    const options = { ...(await serving(() => [{ at }])), pagination: { type: 'none' } }
    const incremental = { field: 'at', parameter: 'since', lag }
    const { cursor } = await readAll({ ...options, incremental })
    await readAll({ ...options, incremental }, { cursor })
    expect(sinces()).toEqual([null, asked])
  })

  it('starts anew when another field or resource is read, or nobody knows the cursor', async () => {
    const options = { ...(await serving(() => [{ at: 5, b: 6 }])), pagination: { type: 'none' } }
    const incremental = { field: 'at', parameter: 'since' }
    const { cursor } = await readAll({ ...options, incremental })
    expect(cursor).toMatchObject({ value: 5 })
    await readAll({ ...options, path: 'y', incremental }, { cursor })
    await readAll({ ...options, incremental: { ...incremental, field: 'b' } }, { cursor })
    await readAll({ ...options, incremental }, { cursor: { lsn: '0/1' } })
    expect(sinces()).toEqual([null, null, null, null])
  })

  it('leaves the cursor where it was when nothing came', async () => {
    let rows: { at: number }[] = []
    const options = { ...(await serving(() => rows)), incremental: { field: 'at', parameter: 'since' } }
    expect((await readAll(options)).cursor).toBeUndefined()
    rows = [{ at: 3 }]
    const { cursor } = await readAll(options)
    rows = []
    expect((await readAll(options, { cursor })).cursor).toEqual(cursor)
  })

  it('refuses values that tell nothing of order', async () => {
    for (const rows of [[{ at: { a: 1 } }], [{ at: 1 }, { at: 'b' }], [{ at: true }]]) {
      const options = { ...(await serving(() => rows as never)), pagination: { type: 'none' } }
      const reading = readAll({ ...options, incremental: { field: 'at', parameter: 'since' } })
      await expect(reading).rejects.toMatchObject({ code: 'PHLO_SOURCE_MALFORMED' })
      await server!.stop()
    }
  })
})
