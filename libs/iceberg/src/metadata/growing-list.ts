import { type DeflatedPart, deflatedPart } from './deflated-part.js'
import { parseJson, serializeJson } from './json.js'

/**
 * A table's lists of snapshots only grow, by an item at a time, and are mostly written as they were read. So a list is
 * known by its text, of which values are made one by one where they are asked for; a list that goes on from another
 * shares all of it; and writing it copies what was read, as text or as it was compressed. Items must not be changed.
 */

/** The JSON of a list's items, with commas between them. */
export interface ListText {
  readonly bytes: Buffer
  /** Where each item starts and ends in the bytes. */
  readonly spans: readonly number[]
}

/** Items of a list, each with a comma behind it, compressed. */
export interface PackedItems {
  readonly part: DeflatedPart
  readonly count: number
  /** What is to be known of the items without inflating them. */
  readonly note: Buffer
}

/** The first items of a list that was read compressed. */
export interface OlderItems {
  readonly count: number
  readonly packed: readonly PackedItems[]
  /** Inflates them, once; the text ends with a comma. Throws PHLO_ICEBERG_INVALID. */
  readonly text: () => ListText
}

/** What lists share that grew out of each other: each has the first so many items. */
interface Row {
  /** Those that were asked for, or came as values. */
  readonly items: (object | undefined)[]
  older: OlderItems | undefined
  /** Of the items behind the older ones. */
  text: ListText
  /** Of items behind those, as far as it was made. */
  readonly json: Map<number, Buffer>
  /** Of the first items. */
  readonly packed: PackedItems[]
  /** What was found out about the items that were read, when they were. */
  readonly scanned: unknown
}

/** By the list as everybody knows it. */
const rows = new WeakMap<readonly object[], Row>()

/**
 * The list of the items of a text, which are valid JSON objects, behind older ones. {@link sharedBy} tells what was found
 * out about them.
 */
export function listOfText<T extends object>(text: ListText, scanned: unknown, older?: OlderItems): readonly T[] {
  const length = (older?.count ?? 0) + text.spans.length / 2
  const packed = [...(older?.packed ?? [])]
  return listOf({ items: new Array<undefined>(length), older, text, json: new Map(), packed, scanned }, length)
}

/** The list with another item at its end, in time that does not grow with the list when it is the newest of its row. */
export function appended<T extends object>(list: readonly T[], item: T): readonly T[] {
  const { length } = list
  let row = rows.get(list)
  if (!row) row = rowOf(list)
  else if (row.items.length > length && row.items[length] !== item) row = branched(row, length)
  row.items[length] = item
  return listOf(row, length + 1)
}

/**
 * What the list shares with those that it grew out of, and perhaps longer ones: items, of those that were read only the
 * ones that were asked for. `undefined` for a list that was not made here.
 */
export function sharedBy(list: readonly object[]): Pick<Row, 'items' | 'scanned'> | undefined {
  return rows.get(list)
}

/** Of a list that has no text yet. */
function rowOf(list: readonly object[]): Row {
  const text = { bytes: Buffer.alloc(0), spans: [] }
  return { items: [...list], older: undefined, text, json: new Map(), packed: [], scanned: undefined }
}

/** The beginning of a row, which goes on otherwise; it has at least all that was read. */
function branched({ items, older, text, json, packed, scanned }: Row, length: number): Row {
  const { bytes, spans } = text
  return {
    items: items.slice(0, length),
    older,
    text: { bytes, spans: spans.slice(0, 2 * (length - (older?.count ?? 0))) },
    json: new Map([...json].filter(([index]) => index < length)),
    packed: packed.slice(0, packedWithin(packed, length).parts),
    scanned,
  }
}

/** How many of the parts hold none but the first `length` items, and how many items these are. */
function packedWithin(packed: readonly PackedItems[], length: number): { parts: number; items: number } {
  let [parts, items] = [0, 0]
  for (; parts < packed.length && items + (packed[parts] as PackedItems).count <= length; parts++)
    items += (packed[parts] as PackedItems).count
  return { parts, items }
}

/** Of items that were read. */
function textAt({ older, text }: Row, index: number): Buffer | undefined {
  const count = older?.count ?? 0
  const { bytes, spans } = older && index < count ? older.text() : text
  const place = 2 * (index < count ? index : index - count)
  return place < spans.length ? bytes.subarray(spans[place], spans[place + 1]) : undefined
}

function itemAt(row: Row, index: number): object {
  return (row.items[index] ??= parseJson(String(textAt(row, index)), 'table metadata') as object)
}

/** An array whose items are there when somebody looks. */
function listOf<T extends object>(row: Row, length: number): readonly T[] {
  const isItem = (key: string | symbol) =>
    typeof key === 'string' && /^(?:0|[1-9]\d*)$/.test(key) && Number(key) < length
  const property = { writable: true, enumerable: true, configurable: true }
  const list = new Proxy<object[]>([], {
    get: (target, key, self) =>
      isItem(key) ? itemAt(row, Number(key)) : key === 'length' ? length : (Reflect.get(target, key, self) as unknown),
    has: (target, key) => isItem(key) || Reflect.has(target, key),
    getOwnPropertyDescriptor(target, key) {
      if (isItem(key)) return { ...property, value: itemAt(row, Number(key)) }
      const own = Reflect.getOwnPropertyDescriptor(target, key)
      return key === 'length' && own ? { ...own, value: length } : own
    },
    ownKeys: (target) => [...Array.from({ length }, (_, index) => String(index)), ...Reflect.ownKeys(target)],
    set: () => false,
    defineProperty: () => false,
    deleteProperty: () => false,
    preventExtensions: () => false,
  }) as unknown as readonly T[]
  rows.set(list, row)
  return list
}

/** Parts of a file that is being written, and what is to be done when their bytes are those of the whole file. */
export interface ListParts {
  readonly parts: readonly Buffer[]
  /** Takes the bytes in the file, which the parts were copied to, for the list's own. */
  readonly written: (bytes: Buffer) => void
}

/** The JSON of the list's items with commas between them. */
export function listParts(list: readonly object[]): ListParts {
  const { length } = list
  const row = rows.get(list) ?? rowOf(list)
  const { older, text } = row
  const first = older?.text()
  const start = first?.bytes.length ?? 0
  const behind = Math.min(length - (older?.count ?? 0), text.spans.length / 2)
  const end = behind === 0 ? 0 : (text.spans[2 * behind - 1] as number)
  const parts = [...(first ? [first.bytes] : []), ...(behind === 0 ? [] : [text.bytes.subarray(0, end)])]
  const spans = [...(first?.spans ?? [])]
  for (const place of text.spans.slice(0, 2 * behind)) spans.push(start + place)
  let at = start + end
  for (let index = spans.length / 2; index < length; index++) {
    const json = jsonAt(row, index)
    if (index > 0) parts.push(comma)
    if (index > 0) at++
    parts.push(json)
    spans.push(at, (at += json.length))
  }
  return {
    parts,
    written: (copy) => {
      // A longer list of the row may have been written meanwhile.
      if (row.text !== text) return
      row.older = undefined
      row.text = { bytes: copy, spans }
      row.json.clear()
    },
  }
}

const comma = Buffer.from(',')

function jsonAt(row: Row, index: number): Buffer {
  let json = row.json.get(index)
  if (!json) row.json.set(index, (json = Buffer.from(serializeJson(itemAt(row, index)), 'utf8')))
  return json
}

/**
 * The list for a compressed file: most of its first items as they were compressed before, `size` at a time, and the text
 * of the others, which are at least one, with commas between them. `noteOf` gives what is to be known of packed items of
 * which it gets the text, or `undefined` when they cannot be packed.
 */
export function packedParts(
  list: readonly object[],
  size: number,
  noteOf: (text: Buffer) => Buffer | undefined,
): { readonly packed: readonly PackedItems[]; readonly rest: readonly Buffer[] } {
  const { length } = list
  const row = rows.get(list) ?? rowOf(list)
  const isNewest = row.items.length === length
  const rest = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => textAt(row, from + index) ?? jsonAt(row, from + index))
  let { parts, items } = packedWithin(row.packed, length - 1)
  const packed = row.packed.slice(0, parts)
  for (; length - items > 2 * size; items += size) {
    const text = Buffer.concat(rest(items, items + size).flatMap((item) => [item, comma]))
    const note = noteOf(text)
    if (!note) break
    packed.push({ part: deflatedPart(text), count: size, note })
    if (!isNewest) continue
    row.packed.length = parts
    row.packed.push(packed.at(-1) as PackedItems)
    parts++
    for (let index = items; index < items + size; index++) row.json.delete(index)
  }
  return { packed, rest: rest(items, length).flatMap((item, index) => (index === 0 ? [item] : [comma, item])) }
}
