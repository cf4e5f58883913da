import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { BenchError } from '../bench-error.js'
import { expectFingerprint, type Fingerprint } from '../orders.js'
import { runProcess } from '../processes.js'
import type { Participant } from '../rounds.js'
import type { Workplace } from '../workplace.js'
import { withoutLoading } from './duckdb-copy.js'

/** Compacts a table of a lake on a branch, so that the table stays as it is for the next run. */
export function phloCompaction(lake: string, files: number, expected: Fingerprint, { work }: Workplace): Participant {
  const name = 'phlo'
  const script = fileURLToPath(new URL('../scripts/compaction-phlo.js', import.meta.url))
  const scratch = path.join(work, name)
  let told: { seconds: number; removedFiles: number; addedFiles: number; fingerprint: Fingerprint } | undefined
  return {
    name,
    what: 'the query engine’s rewrite: planned, written, committed to a branch',
    async prepare() {
      await mkdir(scratch, { recursive: true })
    },
    async run() {
      const { stdout, seconds, peakBytes, cpuSeconds } = await runProcess(
        process.execPath,
        [script, '--lake', lake, '--scratch', scratch],
        { watch: true },
      )
      told = JSON.parse(stdout) as NonNullable<typeof told>
      return {
        seconds,
        parts: { [withoutLoading]: told.seconds },
        ...(peakBytes !== undefined && { peakBytes }),
        ...(cpuSeconds !== undefined && { cpuSeconds }),
      }
    },
    async verify() {
      if (told?.removedFiles !== files || told.addedFiles !== 1)
        throw new BenchError(`${told?.removedFiles} files became ${told?.addedFiles} instead of ${files} one`)
      expectFingerprint(name, told.fingerprint, expected)
    },
    async clean() {
      await rm(scratch, { recursive: true, force: true })
    },
  }
}
