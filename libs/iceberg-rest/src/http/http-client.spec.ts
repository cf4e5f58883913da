import { afterEach, describe, expect, it } from '@jest/globals'
import { type Script, ScriptedServer } from '@phlo/http/testing'
import { bearerToken, noAuthentication } from '../authentication/authentication.js'
import { errorAnswer } from '../testing/error-answer.js'
import { failure } from './failure.js'
import { HttpClient, type HttpClientOptions, type HttpRequest } from './http-client.js'

let server: ScriptedServer | undefined

afterEach(async () => {
  await server?.stop()
})

async function send(script: Script, request: Partial<HttpRequest> = {}, options: Partial<HttpClientOptions> = {}) {
  server = await ScriptedServer.start(script)
  const client = new HttpClient({ authentication: noAuthentication, timeout: 2000, attempts: 4, ...options })
  return client.send({ method: 'GET', url: `${server.uri}/x`, what: 'x', ...request })
}

describe('Requests', () => {
  it('are sent again when the answer got lost, if that does no harm', async () => {
    const answer = await send((_, number) => (number < 2 ? { cut: true } : { status: 200, json: { ok: 1 } }))
    expect(answer).toMatchObject({ ok: true, text: '{"ok":1}' })
    expect(server?.seen).toHaveLength(3)
  })

  it('are sent once when they change something and the answer got lost', async () => {
    const answer = await send(() => ({ cut: true }), { method: 'POST', body: '{}' })
    expect(answer).toMatchObject({ ok: false, kind: 'unknown' })
    expect(server?.seen).toHaveLength(1)
  })

  it.each([500, 502, 504])('that change something may have been done after a %d', async (status) => {
    const answer = await send(() => errorAnswer(status, 'CommitStateUnknownException'), { method: 'POST', body: '{}' })
    expect(answer).toMatchObject({ ok: false, kind: 'unknown', status })
    expect(server?.seen).toHaveLength(1)
  })

  it.each([429, 503])('are sent again after a %d, whatever they do, when the server says', async (status) => {
    const waited: number[] = []
    const answer = await send(
      (_, number) => (number === 0 ? { status, headers: { 'retry-after': '30' } } : { status: 204 }),
      { method: 'POST', body: '{}' },
      { wait: async (milliseconds) => void waited.push(milliseconds) },
    )
    expect(answer).toMatchObject({ ok: true, status: 204 })
    expect(waited).toEqual([30_000])
  })

  it('are not kept waiting for longer than anybody waits', async () => {
    const answer = await send(() => ({ status: 503, headers: { 'retry-after': '86400' } }))
    expect(answer).toMatchObject({ ok: false, kind: 'refused', status: 503 })
    expect(server?.seen).toHaveLength(1)
  })

  it('end when the server says nothing', async () => {
    const answer = await send(() => ({ silent: true }), { method: 'POST', body: '{}' }, { timeout: 100 })
    expect(answer).toMatchObject({ ok: false, kind: 'unknown', message: 'no answer within 100 ms' })
  })

  it('that never reach a server are told apart', async () => {
    const client = new HttpClient({ authentication: noAuthentication, timeout: 2000, attempts: 2 })
    const answer = await client.send({ method: 'POST', url: 'http://127.0.0.1:2/x', body: '{}', what: 'x' })
    expect(answer).toMatchObject({ ok: false, kind: 'unsent' })
  })

  it('do not follow a server elsewhere', async () => {
    const answer = await send(
      () => ({ status: 307, headers: { location: 'http://example.org/' } }),
      {},
      {
        authentication: bearerToken('secret-token'),
      },
    )
    expect(answer).toMatchObject({ ok: false, kind: 'refused', status: 307 })
    expect(server?.seen).toHaveLength(1)
  })

  it('stop reading answers that are larger than any real one', async () => {
    await expect(send(() => ({ status: 400, text: 'x'.repeat(300 * 1024) }))).rejects.toMatchObject({
      code: 'PHLO_CATALOG_FAILED',
    })
  })

  it('end when the catalog is closed', async () => {
    server = await ScriptedServer.start(() => ({ silent: true }))
    const client = new HttpClient({ authentication: noAuthentication, timeout: 60_000, attempts: 1 })
    const pending = client.send({ method: 'GET', url: server.uri, what: 'x' })
    setTimeout(() => client.close(), 50)
    await expect(pending).rejects.toMatchObject({ code: 'PHLO_CATALOG_FAILED' })
  })
})

describe('What a server says', () => {
  it('never shows the secrets that it was told', async () => {
    const answer = await send(
      () => errorAnswer(403, 'ForbiddenException', 'the token secret-token may not do this'),
      {},
      { authentication: bearerToken('secret-token') },
    )
    expect(answer).toMatchObject({ ok: false, kind: 'refused', message: 'the token *** may not do this' })
    expect(server?.seen[0]?.headers['authorization']).toBe('Bearer secret-token')
  })

  it.each([
    [401, 'PHLO_CATALOG_DENIED', false],
    [403, 'PHLO_CATALOG_DENIED', false],
    [404, 'PHLO_CATALOG_FAILED', false],
    [406, 'PHLO_UNSUPPORTED', false],
    [419, 'PHLO_CATALOG_DENIED', false],
    [429, 'PHLO_CATALOG_FAILED', true],
    [503, 'PHLO_CATALOG_FAILED', true],
  ])('by status %d is %s', (status, code, retryable) => {
    const error = failure({ status, type: 'T', message: 'm', body: {} }, 'table a.t')
    expect(error).toMatchObject({ code, retryable, message: `table a.t: the catalog answered ${status} T: m` })
  })

  it('is quoted in short where it is a page for people', async () => {
    const answer = await send(() => ({ status: 400, text: '<html><h1>Bad   Gateway</h1></html>' }))
    expect(answer).toMatchObject({ type: '', message: 'Bad Gateway' })
  })
})
