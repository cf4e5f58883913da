import type { BenchCase } from '../case.js'
import { ingest, ingestRows } from './ingest.js'

export const ingestParquet: BenchCase = {
  name: 'ingest-parquet',
  description: 'a Parquet file of ten mixed columns into a table, every row checked',
  rows: ingestRows,
  needsPython: true,
  run: (context) => ingest(context, 'parquet', { ofCopy: 1.5, ofDlt: 2.5 }),
}
