import type { Session } from './session.js'

/** Object ids of types that PostgreSQL has built in. Source: pg_type.dat. */
const builtIn = {
  boolean: 16,
  json: 114,
  jsonb: 3802,
  timestamp: 1114,
  timestamptz: 1184,
  numbers: new Set([20, 21, 23, 26, 700, 701, 1700]),
}

/** What a value becomes: numbers, times and the like stay text, of which the schema's types lose nothing. */
export type Value = string | boolean | null

/** How the values of each type are spelled in rows. */
export class ColumnTypes {
  private readonly arrays: ReadonlyMap<number, { readonly element: number; readonly delimiter: string }>
  private readonly domains: ReadonlyMap<number, number>

  private constructor(arrays: ColumnTypes['arrays'], domains: ColumnTypes['domains']) {
    this.arrays = arrays
    this.domains = domains
  }

  static async load(session: Session): Promise<ColumnTypes> {
    const rows = await session.rows(
      `SELECT t.oid, t.typelem AS element, e.typdelim AS delimiter, t.typbasetype AS base, t.typtype AS type
       FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem WHERE t.typcategory = 'A' OR t.typtype = 'd'`,
    )
    const arrays = rows.filter(({ type, element }) => type !== 'd' && element !== '0')
    return new ColumnTypes(
      new Map(
        arrays.map(({ oid, element, delimiter }) => [
          Number(oid),
          { element: Number(element), delimiter: delimiter ?? ',' },
        ]),
      ),
      new Map(rows.filter(({ type }) => type === 'd').map(({ oid, base }) => [Number(oid), Number(base)])),
    )
  }

  /** The value of a type, from the server's text. */
  value(type: number, text: string | null): Value {
    if (text === null) return null
    const base = this.baseOf(type)
    const array = this.arrays.get(base)
    if (array) return this.arrayJson(text, array.element, array.delimiter)
    switch (base) {
      case builtIn.boolean:
        return text === 't'
      case builtIn.timestamp:
        return text.replace(' ', 'T')
      case builtIn.timestamptz:
        return text.replace(' ', 'T').replace(/\+00$/, 'Z')
      default:
        return text
    }
  }

  private baseOf(type: number): number {
    let base = type
    for (let domain = this.domains.get(base); domain !== undefined; domain = this.domains.get(base)) base = domain
    return base
  }

  /** A list as JSON's text, with every digit of its numbers. */
  private arrayJson(text: string, element: number, delimiter: string): string {
    const base = this.baseOf(element)
    return arrayParts(text, delimiter)
      .map((part) => {
        if (part === '[' || part === ']' || part === ',') return part
        if (part === null) return 'null'
        const said = part.text
        if (base === builtIn.json || base === builtIn.jsonb) return said
        if (builtIn.numbers.has(base) && /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(said)) return said
        return JSON.stringify(this.value(base, said))
      })
      .join('')
  }
}

type Part = '[' | ']' | ',' | null | { readonly text: string }

/** The parts of an array's text: `{1,NULL,"a b"}`, `[0:1]={1,2}`. Source: PostgreSQL, "Array Input and Output Syntax". */
function arrayParts(text: string, delimiter: string): Part[] {
  const parts: Part[] = []
  let at = text.startsWith('[') ? text.indexOf('=') + 1 : 0
  while (at < text.length) {
    const character = text[at] as string
    if (character === '{') parts.push('[')
    else if (character === '}') parts.push(']')
    else if (character === delimiter) parts.push(',')
    else if (character === '"') {
      let said = ''
      while (++at < text.length && text[at] !== '"') said += text.charAt(text[at] === '\\' ? ++at : at)
      parts.push({ text: said })
    } else {
      let end = at
      while (end < text.length && text[end] !== delimiter && text[end] !== '}') end++
      const said = text.slice(at, end)
      parts.push(said === 'NULL' ? null : { text: said })
      at = end
      continue
    }
    at++
  }
  return parts
}
