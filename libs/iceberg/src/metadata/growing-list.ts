import { parseJson, serializeJson } from './json.js'

/**
 * A table's lists of snapshots only grow, by an item at a time, and are mostly written as they were read. So a list is
 * known by its text, of which values are made one by one where they are asked for; a list that goes on from another
 * shares all of it; and writing it copies what was read. Items must not be changed.
 */

/** The JSON of a list's items, with commas between them. */
export interface ListText {
  readonly bytes: Buffer
  /** Where each item starts and ends in the bytes. */
  readonly spans: number[]
}

/** What lists share that grew out of each other: each has the first so many items. */
interface Row {
  /** Those that were asked for, or came as values. */
  readonly items: (object | undefined)[]
  /** Of the first items. */
  text: ListText
  /** What was found out about the items that were read, when they were. */
  readonly scanned: unknown
}

/** By the list as everybody knows it. */
const rows = new WeakMap<readonly object[], Row>()

/** The list of the items of a text, which are valid JSON objects. {@link sharedBy} tells what was found out about them. */
export function listOfText<T extends object>(text: ListText, scanned: unknown): readonly T[] {
  const length = text.spans.length / 2
  return listOf({ items: new Array<undefined>(length), text, scanned }, length)
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
  return { items: [...list], text: { bytes: Buffer.alloc(0), spans: [] }, scanned: undefined }
}

/** The beginning of a row, which goes on otherwise. */
function branched({ items, text, scanned }: Row, length: number): Row {
  const { bytes, spans } = text
  return { items: items.slice(0, length), text: { bytes, spans: spans.slice(0, 2 * length) }, scanned }
}

function itemAt(row: Row, index: number): object {
  const known = row.items[index]
  if (known) return known
  const { bytes, spans } = row.text
  const json = bytes.toString('utf8', spans[2 * index], spans[2 * index + 1])
  return (row.items[index] = parseJson(json, 'table metadata') as object)
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
  const { bytes, spans } = row.text
  const known = Math.min(length, spans.length / 2)
  const end = known === 0 ? 0 : (spans[2 * known - 1] as number)
  const parts = known === 0 ? [] : [bytes.subarray(0, end)]
  const added: number[] = []
  let at = end
  for (let index = known; index < length; index++) {
    const json = Buffer.from(`${index === 0 ? '' : ','}${serializeJson(itemAt(row, index))}`, 'utf8')
    parts.push(json)
    added.push(index === 0 ? at : at + 1, at + json.length)
    at += json.length
  }
  return {
    parts,
    written: (copy) => {
      // Another list of the row may have been written meanwhile.
      if (spans.length !== 2 * known) return
      for (const place of added) spans.push(place)
      row.text = { bytes: copy, spans }
    },
  }
}
