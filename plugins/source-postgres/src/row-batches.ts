import type { ColumnTypes, Value } from './column-types.js'
import type { Session } from './session.js'

export type Row = Readonly<Record<string, Value>>

/** Rows of one trip to the server; memory holds a few of these. */
const batchRows = 5_000

/** The rows of a query, a batch at a time, as they are asked for. */
export async function* batches(
  session: Session,
  types: ColumnTypes,
  sql: string,
  values: readonly unknown[] = [],
): AsyncGenerator<readonly Row[]> {
  for await (const { rows, fields } of rawBatches(session, sql, values))
    yield rows.map((row) =>
      Object.fromEntries(
        fields.map(({ name, dataTypeID }, index) => [name, types.value(dataTypeID, row[index] ?? null)]),
      ),
    )
}

interface RawBatch {
  readonly rows: readonly (readonly (string | null)[])[]
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[]
}

/** The same with the server's own texts. */
export async function* rawBatches(
  session: Session,
  sql: string,
  values: readonly unknown[] = [],
): AsyncGenerator<RawBatch> {
  const { default: Cursor } = await import('pg-cursor')
  const asText = { getTypeParser: () => (text: string) => text } as never
  const cursor = session.client.query(
    new Cursor<(string | null)[]>(sql, [...values], { rowMode: 'array', types: asText }),
  )
  try {
    for (;;) {
      const batch = await session.telling(
        'a query failed',
        () =>
          new Promise<RawBatch>((resolve, reject) => {
            cursor.read(batchRows, (error, rows, result) => {
              if (error) reject(error)
              // Behind the last row there is no result any more.
              else resolve({ rows, fields: (result as typeof result | undefined)?.fields ?? [] })
            })
          }),
      )
      if (batch.rows.length === 0) return
      yield batch
    }
  } finally {
    await session.telling('a query does not end', () => cursor.close()).catch(() => undefined)
  }
}

/** What several generators yield, as it comes. All of them are ended in the end. */
export async function* merged<T>(generators: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  const waiting = new Map(generators.map((generator) => [generator, step(generator)]))
  try {
    while (waiting.size > 0) {
      const { generator, result } = await Promise.race(waiting.values())
      if (result.done === true) waiting.delete(generator)
      else {
        waiting.set(generator, step(generator))
        yield result.value
      }
    }
  } finally {
    for (const pending of waiting.values()) pending.catch(() => undefined)
    await Promise.allSettled(generators.map((generator) => generator.return(undefined)))
  }
}

async function step<T>(generator: AsyncGenerator<T>) {
  return { generator, result: await generator.next() }
}
