import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { expectFingerprint, fingerprintOf, type OrdersFile, sqlText } from '../orders.js'
import { runProcess } from '../processes.js'
import type { PythonEnvironment } from '../python-environment.js'
import type { Participant } from '../rounds.js'
import type { Workplace } from '../workplace.js'

interface Peer {
  readonly name: string
  readonly what: string
  readonly script: string
  readonly args: (input: OrdersFile) => readonly string[]
}

export const pyiceberg: Peer = {
  name: 'pyiceberg',
  what: 'PyIceberg: pyarrow reads the file, append, SQL catalog in SQLite',
  script: 'pyiceberg_append.py',
  args: ({ path: file }) => [file],
}

export const dlt: Peer = {
  name: 'dlt',
  what: 'dlt: its file reader, filesystem destination, table_format iceberg',
  script: 'dlt_iceberg.py',
  args: ({ format, path: file }) => [format, file],
}

/** Nobody is to be slowed down by telling its maker about the run. */
const quiet = { RUNTIME__DLTHUB_TELEMETRY: 'false', RUNTIME__LOG_LEVEL: 'ERROR' }

/** A peer from PyPI. Its result is checked through Iceberg's metadata: what a reader of the table would get. */
export function pythonPeer(
  peer: Peer,
  input: OrdersFile,
  { bench, work }: Workplace,
  { python }: PythonEnvironment,
): Participant {
  const folder = path.join(work, peer.name)
  const script = (name: string) => path.join(bench, 'peers', name)
  let metadata = ''
  return {
    name: peer.name,
    what: peer.what,
    async prepare() {
      await mkdir(folder, { recursive: true })
    },
    async run() {
      const { stdout, seconds, peakBytes, cpuSeconds } = await runProcess(
        python,
        [script(peer.script), ...peer.args(input), folder],
        {
          cwd: folder,
          env: quiet,
          watch: true,
        },
      )
      const told = JSON.parse(stdout.trimEnd().split('\n').at(-1) as string) as { seconds: number; metadata: string }
      metadata = told.metadata
      return {
        seconds,
        parts: { 'without start and imports': told.seconds },
        ...(peakBytes !== undefined && { peakBytes }),
        ...(cpuSeconds !== undefined && { cpuSeconds }),
      }
    },
    async verify() {
      const { stdout } = await runProcess(python, [script('data_files.py'), metadata])
      const files = JSON.parse(stdout) as string[]
      const relation = `read_parquet([${files.map(sqlText).join(', ')}])`
      expectFingerprint(peer.name, await fingerprintOf(relation), input.fingerprint)
    },
    async clean() {
      await rm(folder, { recursive: true, force: true })
    },
  }
}
