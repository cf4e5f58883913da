import { PhloError } from '@phlo/ports'

/** What JavaScript's `\s` means; RE2's own is ASCII, and lacks the vertical tab. Written as a class's content. */
const space = '\\t-\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}'
/** Everything else: RE2 has no negated class within a class. */
const notSpace =
  '\\x00-\\x08\\x0e-\\x1f!-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}' +
  '\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}'
const lineEnds = '\\n\\r\\x{2028}\\x{2029}'
const anything = '(?s:.)'
const nothing = '[^\\x00-\\x{10ffff}]'
/** How much of the pattern was read, what it is in RE2, and whether what follows is within a class. */
interface Token {
  readonly length: number
  readonly re2: string
  readonly inClass: boolean
}

/** RE2 refuses more repetitions. */
const mostRepetitions = 1_000

/**
 * The same regular expression in RE2's syntax, which engines check in linear time. Where the two languages write one
 * thing differently, it is translated; what RE2 does not have throws PHLO_SCHEMA_UNSUPPORTED. A character beyond the
 * basic plane is one character, as with JavaScript's flag `u`.
 * Sources: https://github.com/google/re2/wiki/Syntax and ECMA-262, "Patterns".
 */
export function re2Pattern(pattern: RegExp, column: string): string {
  const { source, flags } = pattern
  const unsupported = (problem: string, hint: string) =>
    new PhloError('PHLO_SCHEMA_UNSUPPORTED', `Column ${column}: the pattern ${String(pattern)} ${problem}`, {
      hint,
      context: { column },
    })
  for (const flag of 'gymv') {
    if (flags.includes(flag)) throw unsupported(`has the flag ${flag}`, 'Leave the flag out.')
  }
  let result = ''
  let inClass = false
  // Each turn reads one token at `rest`'s start.
  for (let rest = source; rest !== '';) {
    const taken: Token = inClass ? classToken(rest) : token(rest)
    result += taken.re2
    inClass = taken.inClass
    rest = rest.slice(taken.length)
  }
  return result

  function token(rest: string): Token {
    const plain = (length: number, re2 = rest.slice(0, length)): Token => ({ length, re2, inClass: false })
    if (/^\(\?<?[=!]/.test(rest) || /^\\(?:[1-9]|k<)/.test(rest)) {
      throw unsupported(
        'looks around or back',
        'Engines check patterns in linear time; write it without lookaround and back references.',
      )
    }
    const name = /^\(\?<(\w+)>/.exec(rest)
    if (name) return plain(name[0].length, `(?P<${name[1] as string}>`)
    if (rest.startsWith('[^]')) return plain(3, anything)
    if (rest.startsWith('[]')) return plain(2, nothing)
    if (rest.startsWith('[')) {
      const length = rest.startsWith('[^') ? 2 : 1
      return { length, re2: rest.slice(0, length), inClass: true }
    }
    const repetition = /^\{(\d+)(?:,(\d*))?\}/.exec(rest)
    if (repetition) {
      if (Math.max(Number(repetition[1]), Number(repetition[2] ?? 0)) > mostRepetitions) {
        throw unsupported(`repeats more than ${mostRepetitions} times`, 'Limit the text’s length with .max().')
      }
      return plain(repetition[0].length)
    }
    if (rest.startsWith('{')) return plain(1, '\\{')
    if (rest.startsWith('.')) return plain(1, flags.includes('s') ? anything : `[^${lineEnds}]`)
    if (rest.startsWith('$')) return plain(1, '\\z')
    if (rest.startsWith('\\s')) return plain(2, `[${space}]`)
    if (rest.startsWith('\\S')) return plain(2, `[${notSpace}]`)
    return rest.startsWith('\\') ? { ...escape(rest), inClass: false } : plain(codePointLength(rest))
  }

  function classToken(rest: string): Token {
    if (rest.startsWith(']')) return { length: 1, re2: ']', inClass: false }
    // RE2 would read `[:` and an inner `[` as the names of classes.
    if (rest.startsWith('[')) return { length: 1, re2: '\\[', inClass: true }
    if (rest.startsWith('\\s')) return { length: 2, re2: space, inClass: true }
    if (rest.startsWith('\\S')) return { length: 2, re2: notSpace, inClass: true }
    if (rest.startsWith('\\b')) return { length: 2, re2: '\\x08', inClass: true }
    if (rest.startsWith('\\')) return { ...escape(rest), inClass: true }
    const length = codePointLength(rest)
    return { length, re2: rest.slice(0, length), inClass: true }
  }

  /** What means the same within and outside of a class. */
  function escape(rest: string): Omit<Token, 'inClass'> {
    const code = /^\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))/.exec(rest)
    if (code) {
      const value = parseInt((code[1] ?? code[2] ?? code[3]) as string, 16)
      if (value >= 0xd800 && value <= 0xdfff) {
        throw unsupported('names half of a character', 'Write the whole character, with the flag u: \\u{1f600}.')
      }
      return { length: code[0].length, re2: `\\x{${value.toString(16)}}` }
    }
    const control = /^\\c([A-Za-z])/.exec(rest)
    if (control) {
      return { length: 3, re2: `\\x{${((control[1] as string).charCodeAt(0) % 32).toString(16)}}` }
    }
    if (/^\\0(?!\d)/.test(rest)) return { length: 2, re2: '\\x{0}' }
    const property = /^\\[pP]\{([^}]*)\}/.exec(rest)
    if (property && flags.includes('u')) {
      if (!/^[A-Z][a-z&]?$/.test(property[1] as string)) {
        throw unsupported(
          `names the property ${property[1] as string}`,
          'Engines know the general categories by their short names, for instance \\p{L} and \\p{Lu}.',
        )
      }
      return { length: property[0].length, re2: property[0] }
    }
    if (/^\\[dDwWbBtnvfr]/.test(rest)) return { length: 2, re2: rest.slice(0, 2) }
    // Any other escape is the character itself.
    const length = codePointLength(rest.slice(1))
    const character = rest.slice(1, 1 + length)
    return { length: 1 + length, re2: /^[^/\w\s\u0080-\u{10ffff}]/u.test(character) ? `\\${character}` : character }
  }
}

function codePointLength(text: string): number {
  return String.fromCodePoint(text.codePointAt(0) as number).length
}
