import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { checkRefName } from './ref-name.js'
import { namespaceKey, parseKey, tableKey } from './table-keys.js'

/** Names that a catalog takes: nothing empty, no control characters. */
const part = fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }).filter((text) => !/[\u0000-\u001f]/.test(text))
const namespace = fc.array(part, { minLength: 1, maxLength: 3 })

describe('A key', () => {
  it('gives back the names that it was made of', () => {
    fc.assert(
      fc.property(namespace, part, (levels, name) => {
        expect(parseKey(tableKey({ namespace: levels, name }))).toEqual({ namespace: levels, name })
        expect(parseKey(namespaceKey(levels))).toEqual({ namespace: levels, name: '' })
      }),
    )
  })

  it('begins with its namespace’s, and with no other namespace’s', () => {
    fc.assert(
      fc.property(namespace, namespace, part, (own, other, name) => {
        const key = tableKey({ namespace: own, name })
        expect(key.startsWith(namespaceKey(own))).toBe(true)
        expect(key.startsWith(namespaceKey(other))).toBe(JSON.stringify(own) === JSON.stringify(other))
      }),
    )
  })
})

describe('The name of a branch', () => {
  it.each(['main', 'team/dev-1', 'v1.2', 'pipeline-run-7', '2026'])('may be %s', (name) => {
    expect(() => checkRefName(name)).not.toThrow()
  })

  it.each(['', 'a b', '/x', 'x/', 'a//b', 'a..b', '.x', 'a/.b', 'x.lock', 'deadbeef', 'é', `x${'y'.repeat(200)}`])(
    'may not be %j',
    (name) => {
      expect(() => checkRefName(name)).toThrow(expect.objectContaining({ code: 'PHLO_REF_INVALID' }))
    },
  )
})
