import type { z } from 'zod'
import { type AssetHandle, type ColumnOf, ingestion, type IngestionOptions, type IngestionSource } from './ingestion.js'

/**
 * Declares an asset that the user's own code makes of others: `deps` must be there first, and `ctx.query` reads their
 * tables on the run's branch. What the function gives is checked and written as that of {@link ingestion}.
 *
 * @example
 * export const busiest = asset({ name: 'busiest', namespace: 'gold', schema: Busiest, deps: [flights] }, (ctx) =>
 *   ctx.query('SELECT origin, count(*) AS flights FROM bronze.flights GROUP BY origin ORDER BY flights DESC LIMIT 10'))
 */
export function asset<Schema extends z.ZodObject>(
  options: IngestionOptions<Schema>,
  source: IngestionSource,
): AssetHandle<ColumnOf<Schema>> {
  return ingestion(options, source)
}
