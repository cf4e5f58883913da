import { serializeJson } from './json.js'

/** Between two texts of a list no more items are added than this, or the text is made anew. */
const mostNewItems = 8

interface Known {
  readonly items: readonly object[]
  readonly json: Buffer
}

/** By the last item, so that a list's text lives no longer than the list or one that goes on from it. */
const knownLists = new WeakMap<object, Known>()

/**
 * The JSON of a list's items with commas between them. A table's history only grows, by an item at a time: what was made
 * for the list without its last items is taken over, so that a commit's work does not grow with those before it. Items
 * are taken to be the same as long as they are the same objects: they must not be changed.
 */
export function growingListJson(items: readonly object[]): Buffer {
  for (let length = items.length; length > 0 && length >= items.length - mostNewItems; length--) {
    const last = items[length - 1] as object
    const known = knownLists.get(last)
    if (known?.items.length !== length || !known.items.every((item, index) => item === items[index])) continue
    if (length === items.length) return known.json
    // Only the newest list keeps its text.
    knownLists.delete(last)
    return remember(items, Buffer.concat([known.json, Buffer.from(',', 'utf8'), jsonOf(items.slice(length))]))
  }
  return remember(items, jsonOf(items))
}

function jsonOf(items: readonly object[]): Buffer {
  return Buffer.from(serializeJson(items).slice(1, -1), 'utf8')
}

function remember(items: readonly object[], json: Buffer): Buffer {
  const last = items.at(-1)
  if (last) knownLists.set(last, { items, json })
  return json
}
