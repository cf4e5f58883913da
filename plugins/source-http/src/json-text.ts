import { randomBytes } from 'node:crypto'

/** Unguessable, so that no text of a server's can be taken for a number. */
const mark = `number-${randomBytes(12).toString('hex')}:`
const stringOrNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/g
const deepest = 500
/** Only then may a number have more digits than JavaScript's keep. */
const manyDigits = /\d[\d.]{15}/

/**
 * Parses JSON without loss: integers beyond JavaScript's are bigints, decimals with more digits than it keeps are their
 * own text. Throws a SyntaxError, also for values nested deeper than anybody means.
 */
export function parseJson(text: string): unknown {
  if (isTooDeep(text)) throw new SyntaxError(`it is nested deeper than ${deepest} levels`)
  if (!manyDigits.test(text)) return JSON.parse(text) as unknown
  let marked = false
  const safe = text.replace(stringOrNumber, (token) => {
    if (token.startsWith('"') || keeps(token)) return token
    marked = true
    return `"${mark}${token}"`
  })
  if (!marked) return JSON.parse(text) as unknown
  return JSON.parse(safe, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark) ? exact(value.slice(mark.length)) : value,
  ) as unknown
}

const [quote, backslash] = [34, 92]
const openings = new Set([...'[{'].map((character) => character.charCodeAt(0)))
const closings = new Set([...']}'].map((character) => character.charCodeAt(0)))

/** What looks values up by recursion has a stack, and paths as long as the nesting. */
function isTooDeep(text: string): boolean {
  let depth = 0
  let inString = false
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (inString) {
      if (code === backslash) index++
      else if (code === quote) inString = false
    } else if (code === quote) inString = true
    else if (openings.has(code)) {
      if (++depth > deepest) return true
    } else if (closings.has(code)) depth--
  }
  return false
}

/** JavaScript's number says the same digits. */
function keeps(token: string): boolean {
  const digits = significantDigits(token)
  return digits.length <= 15 || digits === significantDigits(String(Number(token)))
}

function significantDigits(token: string): string {
  return token
    .replace(/e.*$/i, '')
    .replace(/\D/g, '')
    .replace(/^0+|0+$/g, '')
}

function exact(token: string): bigint | string {
  return /^-?\d+$/.test(token) ? BigInt(token) : token
}
