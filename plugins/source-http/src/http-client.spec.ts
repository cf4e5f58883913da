import { afterEach, describe, expect, it } from '@jest/globals'
import { type Script, ScriptedServer } from '@phlo/http/testing'
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

const good = { status: 200, json: [{ id: 1 }] }
const failureOf = async (options: object, given: Parameters<typeof readAll>[1] = {}) =>
  readAll({ baseUrl: server!.uri, path: 'x', ...options }, given).then(
    () => {
      throw new Error('nothing failed')
    },
    (error: unknown) => error as { code: string; message: string; hint: string; context: unknown; cause?: unknown },
  )

describe('requests', () => {
  it('are sent again with growing pauses, and as late as the server asks', async () => {
    const answers = [
      { cut: true } as const,
      { status: 500 },
      { status: 429, headers: { 'retry-after': '7' } },
      { status: 503, headers: { 'retry-after': 'Mon, 01 Jan 2024 00:00:40 GMT' } },
      { status: 429, headers: { 'ratelimit-reset': '20' } },
    ]
    await serve((_, number) => answers[number] ?? good)
    const clock = new TestClock()
    await readAll({ baseUrl: server!.uri, path: 'x', attempts: 6 }, { clock })
    expect(clock.waits).toEqual([100, 200, 7000, 40_000 - 7300, 20_000])
  })

  it('are given up after so many attempts, or when the server asks for hours', async () => {
    await serve(() => ({ status: 502, text: '<h1>Bad   Gateway</h1>' }))
    expect(await failureOf({ attempts: 3 })).toMatchObject({
      code: 'PHLO_SOURCE_FAILED',
      retryable: true,
      message: `GET ${server!.uri}/x: the server answered 502: Bad Gateway`,
    })
    expect(server?.seen).toHaveLength(3)
    server!.script = () => ({
      status: 429,
      headers: { 'x-ratelimit-reset': String(Date.parse('2024-01-01T09:00:00Z') / 1000) },
    })
    expect(await failureOf({})).toMatchObject({
      retryable: true,
      hint: 'The API allows fewer requests: set rateLimit.',
    })
    expect(server?.seen).toHaveLength(4)
  })

  it('end when the server says nothing, too much, or nothing can be reached', async () => {
    await serve(() => ({ silent: true }))
    expect(await failureOf({ timeout: '50ms', attempts: 2 })).toMatchObject({
      message: `GET ${server!.uri}/x: no answer within 50 ms`,
    })
    server!.script = () => ({ status: 200, text: ' '.repeat(2000) })
    expect(await failureOf({ maxResponseSize: 1000 })).toMatchObject({
      message: `GET ${server!.uri}/x: the answer is larger than 1000 bytes`,
    })
    expect(await failureOf({ baseUrl: 'http://127.0.0.1:2', attempts: 1 })).toMatchObject({
      code: 'PHLO_SOURCE_FAILED',
      hint: 'Is baseUrl right, and the server running?',
    })
  })

  it('end with the run', async () => {
    const controller = new AbortController()
    await serve(() => {
      controller.abort(new Error('cancelled'))
      return { silent: true }
    })
    expect(await failureOf({}, { signal: controller.signal })).toMatchObject({ message: 'cancelled' })
  })

  it('follow the server to another path, and nowhere else', async () => {
    await serve(({ path }) => (path === '/x' ? { status: 308, headers: { location: '/x/' } } : good))
    expect((await readAll({ baseUrl: server!.uri, path: 'x' })).rows).toEqual([{ id: 1 }])
    server!.script = () => ({ status: 302, headers: { location: 'https://example.org/login' } })
    expect(await failureOf({})).toMatchObject({ message: `GET ${server!.uri}/x redirects to https://example.org` })
    server!.script = () => ({ status: 302, headers: { location: '/x' } })
    expect(await failureOf({})).toMatchObject({ message: `GET ${server!.uri}/x: the server answered 302` })
  })

  it('keep to the rate, over all reads of an API', async () => {
    await serve((_, number) => (number < 4 ? { status: 200, json: [{ number }] } : { status: 200, json: [] }))
    const clock = new TestClock()
    const limit = { rateLimit: { requests: 2, per: '10s' }, pagination: { type: 'page' } }
    await readAll({ baseUrl: server!.uri, path: 'x', ...limit }, { clock })
    expect(clock.waits).toEqual([10_000, 10_000])
  })
})

describe('authentication', () => {
  const shown = async (auth: object) => {
    await serve(() => good)
    await readAll({ baseUrl: server!.uri, path: 'x', auth })
    const { headers, path } = server!.seen[0]!
    await server!.stop()
    return { authorization: headers['authorization'], key: headers['x-key'], path }
  }

  it('is by bearer token, password, or key in a header or in the query', async () => {
    expect(await shown({ type: 'bearer', token: 't' })).toMatchObject({ authorization: 'Bearer t' })
    expect(await shown({ type: 'basic', username: 'u', password: 'p:w' })).toMatchObject({
      authorization: 'Basic dTpwOnc=',
    })
    expect(await shown({ type: 'api-key', name: 'X-Key', value: 'k' })).toMatchObject({ key: 'k', path: '/x' })
    expect(await shown({ type: 'api-key', name: 'key', value: 'k&=', in: 'query' })).toMatchObject({
      path: '/x?key=k%26%3D',
    })
  })

  it('is never shown, whatever the server says', async () => {
    const secret = 'open-sesame'
    const auths = [
      { type: 'bearer', token: secret },
      { type: 'basic', username: 'u', password: secret },
      { type: 'api-key', name: 'key', value: secret, in: 'query' },
    ]
    await serve(({ path, headers }) => ({ status: 403, text: `${path} ${JSON.stringify(headers)} ${secret}` }))
    for (const auth of auths) {
      const error = await failureOf({ auth })
      expect(error.code).toBe('PHLO_SOURCE_FAILED')
      const told = JSON.stringify([error, error.message, error.hint, error.context, error.cause])
      expect(told).not.toContain(secret)
      expect(told).not.toContain(Buffer.from(`u:${secret}`).toString('base64'))
    }
  })

  it('by OAuth2 gets one token, renews it before it ends and when it is refused', async () => {
    const forms: Record<string, string>[] = []
    await serve(({ path, headers, body }) => {
      if (path === '/token') {
        forms.push(Object.fromEntries(new URLSearchParams(body)))
        return { status: 200, json: { access_token: `t${forms.length}`, expires_in: 3600 } }
      }
      // The first token is withdrawn after its first use.
      const used = server!.seen.filter((seen) => seen.headers['authorization'] === 'Bearer t1').length
      if (headers['authorization'] === 'Bearer t1' && used > 1) return { status: 401 }
      const page = Number(new URL(path, 'http://x').searchParams.get('page'))
      return { status: 200, json: page < 4 ? [{ page }] : [] }
    })
    const auth = {
      type: 'oauth2-client-credentials',
      tokenUrl: `${server!.uri}/token`,
      clientId: 'me',
      clientSecret: 'secret',
      scope: 'read',
      parameters: { audience: 'api' },
    }
    const { rows } = await readAll({ baseUrl: server!.uri, path: 'x', auth, pagination: { type: 'page' } })
    expect(rows).toEqual([{ page: 1 }, { page: 2 }, { page: 3 }])
    const form = {
      audience: 'api',
      grant_type: 'client_credentials',
      client_id: 'me',
      client_secret: 'secret',
      scope: 'read',
    }
    expect(forms).toEqual([form, form])
  })

  it('by refresh token uses the newest one, and tells no token of a server that refuses', async () => {
    const forms: Record<string, string>[] = []
    await serve(({ path, body }) => {
      if (path !== '/token') return forms.length < 3 ? { status: 401 } : good
      forms.push(Object.fromEntries(new URLSearchParams(body)))
      return forms.length === 2
        ? { status: 400, json: { error: 'invalid_grant', refresh: body } }
        : { status: 200, json: { access_token: 'first-access', refresh_token: 'second-refresh' } }
    })
    const auth = { type: 'oauth2-refresh-token', tokenUrl: `${server!.uri}/token`, refreshToken: 'first-refresh' }
    const error = await failureOf({ auth })
    expect(forms).toEqual([
      { grant_type: 'refresh_token', refresh_token: 'first-refresh' },
      { grant_type: 'refresh_token', refresh_token: 'second-refresh' },
    ])
    expect(error.message).toContain('/token: the server answered 400')
    expect(error.message).not.toMatch(/-refresh/)
  })

  it('by OAuth2 fails where there is no token', async () => {
    await serve(() => ({ status: 200, text: 'null' }))
    const auth = { type: 'oauth2-refresh-token', tokenUrl: `${server!.uri}/token`, refreshToken: 'r' }
    expect(await failureOf({ auth })).toMatchObject({ message: `${server!.uri} gave no access token` })
  })
})
