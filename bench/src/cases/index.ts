import type { BenchCase } from '../case.js'
import { appendHistory } from './append-history.js'
import { commitLatency } from './commit-latency.js'
import { compaction } from './compaction.js'
import { ingestNdjson } from './ingest-ndjson.js'
import { ingestParquet } from './ingest-parquet.js'
import { memory } from './memory.js'
import { plan } from './plan.js'
import { refs } from './refs.js'
import { refsMinio } from './refs-minio.js'
import { start } from './start.js'
import { tpch } from './tpch.js'
import { upsert } from './upsert.js'

export const cases: readonly BenchCase[] = [
  ingestParquet,
  ingestNdjson,
  memory,
  commitLatency,
  appendHistory,
  refs,
  refsMinio,
  plan,
  compaction,
  upsert,
  tpch,
  start,
]
