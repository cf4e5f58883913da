import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expectFingerprint, fingerprintOf, jsonColumns, type OrdersFile, sqlText } from '../orders.js'
import { runProcess } from '../processes.js'
import type { Participant } from '../rounds.js'
import type { Workplace } from '../workplace.js'

interface CopySettings {
  readonly name: string
  readonly what: string
  readonly copyOptions: string
  readonly settings: Readonly<Record<string, string>>
}

/** The limit: COPY with the codec of Iceberg's tables, and every setting as DuckDB has it. */
export const bare: CopySettings = {
  name: 'duckdb-copy',
  what: 'bare COPY to Parquet with zstd (level 3, rows in order, 80 % of the memory)',
  copyOptions: 'FORMAT parquet, COMPRESSION zstd',
  settings: {},
}

/** The same with the settings that Phlo chose for its files and engine, so that the rest is Phlo's own work. */
export const tuned: CopySettings = {
  name: 'duckdb-copy-tuned',
  what: 'COPY with Phlo’s settings (zstd level 1, no Bloom filters, any order of rows, 1 GB)',
  copyOptions: 'FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, WRITE_BLOOM_FILTER false, ROW_GROUP_SIZE 122880',
  settings: { memory_limit: '1GB', preserve_insertion_order: 'false' },
}

/** Part of a sample: the work alone, in a process that has loaded everything. */
export const withoutLoading = 'without start and loading'

export function duckdbCopy(input: OrdersFile, { work }: Workplace, copy: CopySettings): Participant {
  const folder = path.join(work, copy.name)
  const output = path.join(folder, 'orders.parquet')
  const script = fileURLToPath(new URL('../scripts/duckdb-copy.js', import.meta.url))
  const select =
    input.format === 'parquet'
      ? `FROM read_parquet(${sqlText(input.path)})`
      : `FROM read_json(${sqlText(input.path)}, format = 'newline_delimited', columns = ${jsonColumns})`
  const settings = { ...copy.settings, temp_directory: path.join(folder, 'spill') }
  return {
    name: copy.name,
    what: copy.what,
    async prepare() {
      await mkdir(folder, { recursive: true })
    },
    async run() {
      const { stdout, seconds, peakBytes, cpuSeconds } = await runProcess(
        process.execPath,
        [
          script,
          '--select',
          select,
          '--output',
          output,
          '--options',
          copy.copyOptions,
          '--settings',
          JSON.stringify(settings),
        ],
        { watch: true },
      )
      const inside = JSON.parse(stdout) as { seconds: number; loading: number }
      return {
        seconds,
        parts: { [withoutLoading]: inside.seconds },
        ...(peakBytes !== undefined && { peakBytes }),
        ...(cpuSeconds !== undefined && { cpuSeconds }),
      }
    },
    async verify() {
      expectFingerprint(copy.name, await fingerprintOf(sqlText(output)), input.fingerprint)
    },
    async clean() {
      await rm(folder, { recursive: true, force: true })
    },
  }
}
