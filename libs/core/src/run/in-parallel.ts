/** Works on items in their order, so many at once; when one fails, no more are begun, and its error comes after the rest. */
export async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items[Symbol.iterator]()
  let failed = false
  const worker = async () => {
    for (let { value, done } = waiting.next(); !done && !failed; { value, done } = waiting.next()) {
      try {
        await work(value as T)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const workers = await Promise.allSettled(Array.from({ length: Math.min(atOnce, items.length) }, worker))
  const first = workers.find((result) => result.status === 'rejected')
  if (first) throw first.reason
}
