import type { BenchCase } from '../case.js'
import { ingest, ingestRows } from './ingest.js'

export const ingestNdjson: BenchCase = {
  name: 'ingest-ndjson',
  description: 'the same rows from JSON lines',
  rows: ingestRows,
  needsPython: true,
  run: (context) => ingest(context, 'ndjson', { ofCopy: 1.5, ofDlt: 8 }),
}
