/**
 * Starts a piece of work for each item and gives the results in the items' order. No more than `limit` are under way or
 * waiting to be taken, so that memory stays bounded however many items there are.
 */
export async function* readAhead<Item, Result>(
  items: Iterable<Item>,
  limit: number,
  start: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const waiting: Promise<Result>[] = []
  const rest = items[Symbol.iterator]()
  const fill = () => {
    while (waiting.length < limit) {
      const next = rest.next()
      if (next.done === true) return
      const result = start(next.value)
      // Whoever stops early never asks for it; its failure is nobody's then.
      result.catch(() => undefined)
      waiting.push(result)
    }
  }
  for (fill(); ; fill()) {
    const first = waiting.shift()
    if (!first) return
    yield await first
  }
}
