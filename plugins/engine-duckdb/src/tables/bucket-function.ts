import { applyTransform, type Primitive, toValue } from '@phlo/iceberg'
import type { Connection } from '../duckdb-host.js'
import { bucketFunction } from './partition-expressions.js'

/** Instances that have the function already. */
const registered = new WeakSet<object>()

/**
 * Teaches a DuckDB instance Iceberg's bucket transform, whose Murmur3 hash DuckDB lacks. It runs in JavaScript, once a
 * row of tables that are partitioned by bucket, and nowhere else.
 */
export async function registerBucketFunction(host: object, connection: Connection): Promise<void> {
  if (registered.has(host)) return
  const { DuckDBScalarFunction, INTEGER, VARCHAR } = await import('@duckdb/node-api')
  connection.raw.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: bucketFunction,
      parameterTypes: [INTEGER, VARCHAR, VARCHAR],
      returnType: INTEGER,
      specialHandling: true,
      mainFunction: (_info, input, output) => {
        const widths = input.getColumnVector(0)
        const types = input.getColumnVector(1)
        const texts = input.getColumnVector(2)
        for (let row = 0; row < input.rowCount; row++) {
          const text = texts.getItem(row) as string | null
          const type = JSON.parse(types.getItem(row) as string) as Primitive
          const value = text === null ? null : (toValue(type, text) ?? null)
          output.setItem(
            row,
            applyTransform({ kind: 'bucket', width: widths.getItem(row) as number }, type, value) as number | null,
          )
        }
        output.flush()
      },
    }),
  )
  registered.add(host)
}
