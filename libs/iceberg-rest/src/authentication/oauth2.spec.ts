import { afterEach, describe, expect, it, jest } from '@jest/globals'
import { type Script, ScriptedServer } from '@phlo/http/testing'
import { HttpClient } from '../http/http-client.js'
import { OAuth2Authentication, type OAuth2Options } from './oauth2.js'

let server: ScriptedServer | undefined

afterEach(async () => {
  await server?.stop()
  jest.restoreAllMocks()
})

/** Lets the clock show that so many seconds have passed. */
function later(seconds: number): void {
  const then = Date.now() + seconds * 1000
  jest.spyOn(Date, 'now').mockImplementation(() => then)
}

async function authentication(script: Script, options: Partial<OAuth2Options>): Promise<OAuth2Authentication> {
  server = await ScriptedServer.start(script)
  return new OAuth2Authentication({ tokenUri: `${server.uri}/tokens`, timeout: 60_000, attempts: 2, ...options })
}

const client = { clientId: 'me', clientSecret: 'hush' }

function forms(): Record<string, string>[] {
  return (server?.seen ?? [])
    .filter(({ path }) => path === '/tokens')
    .map(({ body }) => Object.fromEntries(new URLSearchParams(body)))
}

function token(text: string, seconds?: number): { status: number; json: unknown } {
  return {
    status: 200,
    json: { access_token: text, token_type: 'bearer', ...(seconds !== undefined && { expires_in: seconds }) },
  }
}

describe('A token', () => {
  it('is got once for all who wait for it, by the client’s credentials', async () => {
    const auth = await authentication(() => token('t1', 3600), { ...client, audience: 'lake' })
    const headers = await Promise.all([auth.headers(), auth.headers(), auth.headers()])
    expect(headers).toEqual(Array(3).fill({ authorization: 'Bearer t1' }))
    expect(forms()).toEqual([
      { grant_type: 'client_credentials', client_id: 'me', client_secret: 'hush', scope: 'catalog', audience: 'lake' },
    ])
  })

  it('is renewed before it ends', async () => {
    const auth = await authentication((_, number) => token(`t${number}`, number === 0 ? 300 : 3600), client)
    expect(await auth.headers()).toEqual({ authorization: 'Bearer t0' })
    later(280)
    expect(await auth.headers()).toEqual({ authorization: 'Bearer t1' })
    expect(await auth.headers()).toEqual({ authorization: 'Bearer t1' })
  })

  it.each([401, 419])('is renewed after a %d, and what was refused is sent again', async (status) => {
    const auth = await authentication(({ path, headers }, number) => {
      if (path === '/tokens') return token(`t${number}`)
      return headers.authorization === 'Bearer t0' ? { status } : { status: 200, json: {} }
    }, client)
    const http = new HttpClient({ authentication: auth, timeout: 60_000, attempts: 1 })
    const answer = await http.send({ method: 'POST', url: `${server?.uri ?? ''}/commit`, body: '{}', what: 'x' })
    expect(answer).toMatchObject({ ok: true })
    expect(server?.seen.map(({ path }) => path)).toEqual(['/tokens', '/commit', '/tokens', '/commit'])
  })

  it('that is refused again is told', async () => {
    const auth = await authentication(({ path }) => (path === '/tokens' ? token('t') : { status: 401 }), client)
    const http = new HttpClient({ authentication: auth, timeout: 60_000, attempts: 5 })
    const answer = await http.send({ method: 'GET', url: `${server?.uri ?? ''}/x`, what: 'x' })
    expect(answer).toMatchObject({ ok: false, kind: 'refused', status: 401 })
    expect(server?.seen.filter(({ path }) => path === '/x')).toHaveLength(2)
  })

  it('that was given is exchanged before it ends', async () => {
    const payload = Buffer.from(JSON.stringify({ exp: Date.now() / 1000 + 10 })).toString('base64url')
    const given = `h.${payload}.s`
    const auth = await authentication(() => token('fresh', 3600), { token: given })
    later(20)
    expect(await auth.headers()).toEqual({ authorization: 'Bearer fresh' })
    expect(forms()).toEqual([
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: given,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        scope: 'catalog',
      },
    ])
    expect(server?.seen[0]?.headers.authorization).toBe(`Bearer ${given}`)
  })

  it('that cannot be renewed is used as long as it lasts', async () => {
    const auth = await authentication((_, number) => (number === 0 ? token('t0', 500) : { status: 500 }), client)
    await auth.headers()
    later(460)
    expect(await auth.headers()).toEqual({ authorization: 'Bearer t0' })
  })

  it('is refused without its secret being shown', async () => {
    const auth = await authentication(
      () => ({ status: 400, json: { error: 'invalid_client', error_description: 'hush is wrong' } }),
      client,
    )
    await expect(auth.headers()).rejects.toMatchObject({
      code: 'PHLO_CATALOG_DENIED',
      message: expect.stringMatching(/invalid_client: \*\*\* is wrong$/) as unknown,
    })
  })

  it.each([{}, [], 'no JSON', { access_token: 7 }])('that is no token is refused: %j', async (json) => {
    const auth = await authentication(() => ({ status: 200, json }), client)
    await expect(auth.headers()).rejects.toMatchObject({ code: 'PHLO_CATALOG_FAILED' })
  })
})
