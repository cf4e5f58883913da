import { createHash } from 'node:crypto'

/** What the scripts read. */
export interface TpchRequest {
  readonly queries: readonly string[]
  /** Parquet files by table. */
  readonly files: Readonly<Record<string, readonly string[]>>
  /** The folder of the lake, and one for what does not fit into memory. */
  readonly lake: string
  readonly scratch: string
  readonly repeats: number
}

/** What the scripts print. */
export interface TpchTimes {
  /** For each query the seconds of each repetition behind the first. */
  readonly seconds: readonly (readonly number[])[]
  /** Seconds of the first run of all queries. */
  readonly first: number
  /** A hash of each query's result, so that two who run them can be compared. */
  readonly results: readonly string[]
}

/** How one of the sides runs a query. */
export interface QueryRunner {
  /** Runs it to its end, and gives the number of rows. */
  readonly run: (sql: string) => Promise<number>
  /** The rows of a query whose columns all are text. */
  readonly rows: (sql: string) => Promise<readonly object[]>
}

/** Runs all queries once, then again as often as is wanted, and prints {@link TpchTimes}. */
export async function repeatQueries(
  queries: readonly string[],
  repeats: number,
  { run, rows }: QueryRunner,
): Promise<void> {
  const startedAt = performance.now()
  for (const sql of queries) await run(sql)
  const first = (performance.now() - startedAt) / 1000
  const seconds = queries.map((): number[] => [])
  for (let count = 0; count < repeats; count++) {
    for (const [index, sql] of queries.entries()) {
      const before = performance.now()
      await run(sql)
      seconds[index]?.push((performance.now() - before) / 1000)
    }
  }
  const results: string[] = []
  for (const sql of queries) {
    const texts = await rows(`SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (${sql}) AS result`)
    // Rows that are equal in what a query orders by come in any order.
    const lines = texts.map((row) => JSON.stringify(row)).sort()
    results.push(createHash('sha256').update(lines.join('\n')).digest('hex'))
  }
  process.stdout.write(JSON.stringify({ seconds, first, results } satisfies TpchTimes))
}
