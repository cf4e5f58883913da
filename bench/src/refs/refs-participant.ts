/** What everybody does, each time on the same kind of state. */
export const operations = [
  'create-branch',
  'commit',
  'commit-with-metadata',
  'fast-forward',
  'three-way',
  'list',
] as const

export type Operation = (typeof operations)[number]

export const operationTexts: Readonly<Record<Operation, string>> = {
  'create-branch': 'a branch is made',
  commit: 'one table is committed whose metadata file is there already',
  'commit-with-metadata': 'one table is changed: its metadata file is stored and it is committed',
  'fast-forward': 'a branch that changed 50 tables is merged into one that did not move',
  'three-way': 'a branch that changed 50 tables is merged into one where another table was changed',
  list: '10,000 tables are listed',
}

/** Tables that a merged branch changed. */
export const mergedTables = 50

/** Tables of the catalog that all but `list` work on. */
export const usualTables = 100

/** Tables of the catalog that is listed. */
export const listedTables = 10_000

/** A versioned catalog that the operations are done on. Makes itself ready for each, and times the operation alone. */
export interface RefsParticipant {
  readonly name: string
  readonly what: string
  /** Does it once and gives the milliseconds it took. Throws when the result is not the right one. */
  once(operation: Operation): Promise<number>
  /** Commits of that many writers to tables of their own, in one process: milliseconds a commit. */
  writers(count: number, seconds: number): Promise<number>
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

/** Every writer does its work again and again for some seconds; gives the milliseconds that one work took all together. */
export async function together(
  count: number,
  seconds: number,
  work: (writer: number, turn: number) => Promise<unknown>,
): Promise<number> {
  const startedAt = performance.now()
  let done = 0
  await Promise.all(
    Array.from({ length: count }, async (_, writer) => {
      for (let turn = 0; performance.now() - startedAt < seconds * 1000; turn++) {
        await work(writer, turn)
        done++
      }
    }),
  )
  return (performance.now() - startedAt) / done
}
