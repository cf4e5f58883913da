import { afterEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { boundedText } from './bounded-body.js'
import { backoff, retryAfter } from './retry-pause.js'
import { ScriptedServer } from './testing/scripted-server.js'
import { withoutSecrets } from './without-secrets.js'

let server: ScriptedServer | undefined
afterEach(async () => {
  await server?.stop()
})

describe('a pause', () => {
  it('grows from attempt to attempt, within a limit, and is never the same for all', () => {
    const longest = Array.from({ length: 9 }, (_, attempt) => backoff(attempt, () => 1))
    expect(longest).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
    expect(backoff(3, () => 0.25)).toBe(200)
  })

  it('is as long as the server asks, in seconds or until a time, as far as anybody waits', () => {
    const now = Date.parse('2024-01-01T00:00:00Z')
    const asked = ['3', ' 0 ', 'Mon, 01 Jan 2024 00:00:05 GMT', 'Sun, 31 Dec 2023 00:00:00 GMT', '61', 'soon', null]
    expect(asked.map((header) => retryAfter(header, now))).toEqual([3000, 0, 5000, 0, Infinity, undefined, undefined])
  })
})

describe('an answer’s text', () => {
  it.each([
    ['that is declared', { 'content-length': '3000' }],
    ['that is not', { 'transfer-encoding': 'chunked' }],
  ])('is read up to a size %s', async (_, headers) => {
    server = await ScriptedServer.start(() => ({ status: 200, text: 'x'.repeat(3000), headers }))
    const tooLarge = (most: number): never => {
      throw new RangeError(`more than ${most}`)
    }
    expect(await boundedText(await fetch(server.uri), 3000, tooLarge)).toHaveLength(3000)
    await expect(boundedText(await fetch(server.uri), 2999, tooLarge)).rejects.toThrow('more than 2999')
  })
})

describe('a message', () => {
  it('shows no secret, nor the rest of one that holds another', () => {
    expect(withoutSecrets('a abcd bc', ['bc', 'abcd', ''])).toBe('a *** ***')
    fc.assert(
      fc.property(fc.string(), fc.array(fc.stringMatching(/^[a-z]{3,8}$/)), (text, secrets) => {
        const shown = withoutSecrets(`${secrets.join(text)}${text}`, secrets)
        for (const secret of secrets) expect(shown).not.toContain(secret)
      }),
    )
  })
})
