import { afterEach, describe, expect, it } from '@jest/globals'
import { type Script, type ScriptedAnswer, ScriptedServer, type SeenRequest } from '@phlo/http/testing'
import { sourceContract } from '@phlo/ports/testing'
import fc from 'fast-check'
import { HttpSource } from './http-source.js'
import { PluginOptions } from './options.js'
import { readAll, TestClock } from './testing/test-source.js'

let server: ScriptedServer | undefined
afterEach(async () => {
  await server?.stop()
  server = undefined
})

async function serve(script: Script): Promise<string> {
  server = await ScriptedServer.start(script)
  return server.uri
}

const queryOf = ({ path }: SeenRequest) => new URL(path, 'http://x').searchParams
const json = (value: unknown, headers = {}): ScriptedAnswer => ({ status: 200, json: value, headers })
const paths = () => server?.seen.map(({ path }) => path)

sourceContract(
  'http',
  {
    create: async () => {
      const own = await ScriptedServer.start(() => json([{ id: 1 }, { id: 2 }]))
      return {
        source: new HttpSource(PluginOptions.parse({}), new TestClock()),
        options: { baseUrl: own.uri, path: '/things', incremental: { field: 'id', parameter: 'since' } },
        projectDir: '/nowhere',
        close: () => own.stop(),
      }
    },
    invalid: [
      undefined,
      null,
      {},
      'http://localhost',
      { baseUrl: 'localhost', path: '/' },
      { baseUrl: 'file:///etc', path: '/passwd' },
      { baseUrl: 'http://user:pass@localhost', path: '/' },
      { baseUrl: 'http://localhost' },
      { baseUrl: 'http://localhost', path: '/', pth: '/' },
      { baseUrl: 'http://localhost', path: '/', pagination: { type: 'pages' } },
      { baseUrl: 'http://localhost', path: '/', auth: { type: 'bearer' } },
      { baseUrl: 'http://localhost', path: '/', timeout: 'soon' },
      { baseUrl: 'http://localhost', path: '/', headers: { 'a b': 'c' } },
      { baseUrl: 'http://localhost', path: '/', parent: { path: '/', include: { a: 1 } } },
    ],
  },
  { describe, it },
)

describe('pages', () => {
  /** An API of each kind that holds these records; it gives `size` at a time. */
  const apis: Readonly<Record<string, (rows: readonly object[], size: number) => { script: Script; options: object }>> =
    {
      page: (rows, size) => ({
        script: (request) => {
          const page = Number(queryOf(request).get('page'))
          return json({ data: rows.slice((page - 1) * size, page * size) })
        },
        options: { pagination: { type: 'page' } },
      }),
      'page with a total, from 0, in the body': (rows, size) => ({
        script: ({ body }) => {
          const { p } = JSON.parse(body) as { p: number }
          return json({ data: rows.slice(p * size, (p + 1) * size), pages: Math.ceil(rows.length / size) })
        },
        options: {
          method: 'POST',
          pagination: { type: 'page', parameter: 'p', first: 0, totalPages: '$.pages', in: 'body' },
        },
      }),
      offset: (rows, size) => ({
        script: (request) => {
          const offset = Number(queryOf(request).get('offset'))
          return json({ data: rows.slice(offset, offset + size), total: String(rows.length) })
        },
        options: { query: { limit: 1000 }, pagination: { type: 'offset', total: '$.total' } },
      }),
      cursor: (rows, size) => ({
        script: (request) => {
          const from = Number(queryOf(request).get('after') ?? 0)
          const more = from + size < rows.length
          return json({ data: rows.slice(from, from + size), meta: { next: more ? `${from + size}` : null } })
        },
        options: { pagination: { type: 'cursor', parameter: 'after', next: '$.meta.next' } },
      }),
      'link header': (rows, size) => ({
        script: (request) => {
          const from = Number(queryOf(request).get('from') ?? 0)
          const link = `<https://else.where/?a=,;>; rel="prev start", </v1/things?from=${from + size}>; title="a, \\"b\\""; rel=next`
          return json({ data: rows.slice(from, from + size) }, from + size < rows.length ? { link } : {})
        },
        options: { pagination: { type: 'link-header' } },
      }),
      'next URL': (rows, size) => ({
        script: (request) => {
          const from = Number(queryOf(request).get('from') ?? 0)
          const next = from + size < rows.length ? `?from=${from + size}` : ''
          return json({ data: rows.slice(from, from + size), next })
        },
        options: { pagination: { type: 'next-url', next: '$.next' } },
      }),
    }

  it.each(Object.keys(apis))('by %s give every record once, in order, whatever fails in between', async (kind) => {
    const uri = await serve(() => ({ status: 500 }))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ name: fc.string() }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 12 }),
        fc.infiniteStream(
          fc.constantFrom<ScriptedAnswer | undefined>(
            undefined,
            undefined,
            { cut: true },
            { status: 500 },
            { status: 429, headers: { 'retry-after': '1' } },
            { status: 503, text: '<html>busy' },
          ),
        ),
        async (names, size, faults) => {
          // Numbered, as an API with the same page twice goes in circles.
          const rows = names.map((row, id) => ({ id, ...row }))
          const { script, options } = apis[kind]!(rows, size)
          server!.script = (request, number) => {
            const fault = faults.next().value as ScriptedAnswer | undefined
            return fault ?? script(request, number)
          }
          const asked = { baseUrl: uri, path: 'v1/things', records: '$.data[*]', attempts: 100, ...options }
          expect((await readAll(asked)).rows).toEqual(rows)
        },
      ),
      { numRuns: 15 },
    )
  })

  it('go in circles for some servers, which is an error', async () => {
    const circles: [object, Script][] = [
      [{ type: 'page' }, () => json([{ id: 1 }])],
      [{ type: 'offset' }, () => json([{ id: 1 }])],
      [{ type: 'cursor', next: '$[0].next' }, (_, number) => json([{ next: number % 2 }])],
      [{ type: 'next-url', next: '$[0].next' }, () => json([{ next: '/things' }])],
      [{ type: 'link-header' }, () => json([{ id: 1 }], { link: '</things>; rel="next"' })],
    ]
    const uri = await serve(() => ({ status: 500 }))
    for (const [pagination, script] of circles) {
      server!.script = script
      const reading = readAll({ baseUrl: uri, path: 'things', pagination })
      await expect(reading).rejects.toMatchObject({ code: 'PHLO_SOURCE_FAILED' })
    }
    server!.script = (_, number) => json([{ number }])
    const endless = readAll({ baseUrl: uri, path: 'things', pagination: { type: 'page' }, maxPages: 3 })
    await expect(endless).rejects.toMatchObject({ message: 'things has more than 3 pages' })
  })

  it('elsewhere are not asked for, as credentials would go there', async () => {
    const uri = await serve(() => json({ next: 'http://127.0.0.2/steal' }))
    const auth = { type: 'bearer', token: 'open-sesame' }
    const reading = readAll({ baseUrl: uri, path: '', auth, pagination: { type: 'next-url', next: '$.next' } })
    await expect(reading).rejects.toMatchObject({ message: `The next page of ${uri} is elsewhere: http://127.0.0.2` })
  })

  it('are read one by one, when the one before is used up', async () => {
    const uri = await serve((request) => json([{ page: queryOf(request).get('page') }]))
    const source = new HttpSource(PluginOptions.parse({}), new TestClock())
    const context = { projectDir: '/nowhere', signal: new AbortController().signal }
    const { inputs } = await source.read({ baseUrl: uri, path: '', pagination: { type: 'page' } }, context)
    const [input] = inputs
    if (input?.type !== 'rows') throw new Error('no rows')
    let rows = 0
    for await (const _ of input.rows) if (++rows === 3) break
    expect(paths()).toEqual(['/?page=1', '/?page=2', '/?page=3'])
  })
})

describe('records', () => {
  it('are the items of an array, the answer itself, or what a JSONPath finds', async () => {
    const uri = await serve(({ path }) => json(path === '/list' ? [{ a: 1 }, { a: 2 }] : { a: { b: [{ c: 3 }] } }))
    expect((await readAll({ baseUrl: uri, path: 'list' })).rows).toEqual([{ a: 1 }, { a: 2 }])
    expect((await readAll({ baseUrl: uri, path: 'one' })).rows).toEqual([{ a: { b: [{ c: 3 }] } }])
    expect((await readAll({ baseUrl: uri, path: 'one', records: '$..b[?@.c > 2]' })).rows).toEqual([{ c: 3 }])
    expect((await readAll({ baseUrl: uri, path: 'one', records: '$.nothing[*]' })).rows).toEqual([])
  })

  it('are objects; whatever else there is, is named', async () => {
    const uri = await serve(({ path }) =>
      path === '/x' ? json([1]) : { status: 200, text: path === '/html' ? '<html>' : '['.repeat(30_000) },
    )
    const failing = async (options: object) => readAll({ baseUrl: uri, ...options }).catch((error: unknown) => error)
    expect(await failing({ path: 'x' })).toMatchObject({
      code: 'PHLO_SOURCE_MALFORMED',
      message: `GET ${uri}/x: a record is a number instead of an object`,
    })
    expect(await failing({ path: 'html' })).toMatchObject({ code: 'PHLO_SOURCE_MALFORMED' })
    expect(await failing({ path: 'deep', records: '$..x' })).toMatchObject({ code: 'PHLO_SOURCE_MALFORMED' })
    expect(await failing({ path: 'x', records: 'data[*' })).toMatchObject({ code: 'PHLO_CONFIG_INVALID' })
  })

  it('of children are asked for once for each parent, and bear what they are to have of it', async () => {
    const teams = [
      { id: 'a/b', owner: { login: 'x' } },
      { id: 'c', owner: { login: 'y' } },
    ]
    const uri = await serve(({ path }) => {
      if (path.startsWith('/teams?')) return json(path.endsWith('=1') ? teams : [])
      if (path === '/teams/c/members?role=y') return { status: 404 }
      if (path === '/teams/a%2Fb/members?role=x') return json([{ name: 'm' }, { name: 'n' }])
      return json([{ of: path }])
    })
    const members = {
      path: '/teams/{parent.id}/members',
      query: { role: '{parent.owner.login}' },
      emptyStatuses: [404],
      parent: { path: '/teams', pagination: { type: 'page' }, include: { team: 'id', owner: 'owner.login' } },
    }
    expect((await readAll({ baseUrl: uri, ...members })).rows).toEqual([
      { name: 'm', team: 'a/b', owner: 'x' },
      { name: 'n', team: 'a/b', owner: 'x' },
    ])
    const badges = { path: 'badges/{parent.team}/{parent.name}', parent: { ...members, include: { name: 'name' } } }
    expect((await readAll({ baseUrl: uri, ...badges })).rows).toEqual([
      { of: '/badges/a%2Fb/m', name: 'm' },
      { of: '/badges/a%2Fb/n', name: 'n' },
    ])
  })

  it('of children stay at their path, whatever a parent is called', async () => {
    const uri = await serve(({ path }) => json(path === '/parents' ? [{ id: '..', other: 1 }] : [{ path }]))
    const child = { baseUrl: uri, path: 'a/{parent.id}/b', parent: { path: 'parents' } }
    await expect(readAll(child)).rejects.toMatchObject({ code: 'PHLO_SOURCE_FAILED' })
    const lacking = { ...child, path: 'a/{parent.nme}' }
    await expect(readAll(lacking)).rejects.toMatchObject({
      code: 'PHLO_SOURCE_MALFORMED',
      message: 'A parent lacks nme',
      hint: 'Its names are id, other.',
    })
    await expect(readAll({ baseUrl: uri, path: '{parent.id}' })).rejects.toMatchObject({ code: 'PHLO_CONFIG_INVALID' })
  })
})
