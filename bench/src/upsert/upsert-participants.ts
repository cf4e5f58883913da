import { mkdir, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  expectFingerprint,
  type Fingerprint,
  fingerprintOf,
  type OrdersChanges,
  type OrdersFile,
  ordersWorkflow,
  sqlText,
} from '../orders.js'
import { PhloProject } from '../phlo-project.js'
import { type Finished, runProcess } from '../processes.js'
import type { PythonEnvironment } from '../python-environment.js'
import type { Participant, Sample } from '../rounds.js'
import type { Workplace } from '../workplace.js'

/** Whether files are written anew without the rows that change, or rows are marked as deleted. */
export type Mode = 'copy-on-write' | 'merge-on-read'

export interface Upsert {
  readonly base: OrdersFile
  readonly changes: OrdersChanges
}

/** Of a {@link Sample}: the upsert alone. */
export const upserting = 'the upsert'

/** What the scripts print. */
interface Told {
  readonly seconds: number
  readonly fingerprint: Fingerprint
}

export interface UpsertLake {
  readonly folder: string
  /** The data files of the base's table. */
  readonly files: readonly string[]
}

/** A lake with the base and the changes as tables, which upserts on branches leave as they are. */
export async function upsertLake(workplace: Workplace, name: string, { base, changes }: Upsert): Promise<UpsertLake> {
  const workflow = ordersWorkflow({ orders: base.path, changes: changes.path })
  const project = await PhloProject.create(workplace, name, workflow)
  await project.phlo(['run'])
  const folder = path.join(project.folder, '.phlo', 'lake')
  const tables = path.join(folder, 'tables')
  const files = (await readdir(tables, { recursive: true })).filter((file) =>
    /(^|\/)orders-[^/]*\/data\/.*\.parquet$/.test(file),
  )
  return { folder, files: files.map((file) => path.join(tables, file)) }
}

/** Either the ingestion engine takes the file of changes in, or a statement merges them from a table. */
export function phloUpsert(
  name: string,
  way: 'ingestion' | 'statement',
  mode: Mode,
  upsert: Upsert,
  lake: UpsertLake,
  workplace: Workplace,
): Participant {
  const script = fileURLToPath(new URL('../scripts/upsert-phlo.js', import.meta.url))
  const what =
    way === 'ingestion'
      ? `Phlo: the file taken in with the strategy merge, ${mode}, committed`
      : `Phlo: MERGE INTO from another table, ${mode}, committed`
  return participant(name, what, upsert, workplace, async (folder) => {
    const changes = way === 'ingestion' ? ['--changes', upsert.changes.path] : []
    const args = ['--lake', lake.folder, '--scratch', folder, '--mode', mode, ...changes]
    const finished = await runProcess(process.execPath, [script, ...args], { watch: true })
    return { finished, told: JSON.parse(finished.stdout) as Told }
  })
}

/** Joins the very files that the table has, so that both sides read the same bytes. */
export function duckdbUpsert(
  name: string,
  mode: Mode,
  upsert: Upsert,
  lake: UpsertLake,
  workplace: Workplace,
): Participant {
  const script = fileURLToPath(new URL('../scripts/upsert-duckdb.js', import.meta.url))
  const what =
    mode === 'copy-on-write'
      ? 'the limit of copy-on-write: DuckDB joins the table’s files with the changes and copies all rows to a new one'
      : 'the limit of merge-on-read: DuckDB joins the table’s files with the changes, copies the places of old rows and the new rows'
  return participant(name, what, upsert, workplace, async (folder) => {
    const files = ['--output', path.join(folder, 'rows.parquet'), '--deletes', path.join(folder, 'deletes.parquet')]
    const input = [...lake.files.flatMap((file) => ['--base', file]), '--changes', upsert.changes.path]
    const finished = await runProcess(process.execPath, [script, '--mode', mode, ...input, ...files], { watch: true })
    return { finished, told: JSON.parse(finished.stdout) as Told }
  })
}

export function pyicebergUpsert(
  name: string,
  upsert: Upsert,
  workplace: Workplace,
  { python }: PythonEnvironment,
): Participant {
  const script = (file: string) => path.join(workplace.bench, 'peers', file)
  const what = 'PyIceberg: table.upsert of rows that are in memory, SQL catalog in SQLite'
  return participant(name, what, upsert, workplace, async (folder) => {
    const { path: base } = upsert.base
    const args = [script('pyiceberg_upsert.py'), base, upsert.changes.path, folder]
    const finished = await runProcess(python, args, { cwd: folder, watch: true })
    const told = JSON.parse(finished.stdout.trimEnd().split('\n').at(-1) as string) as {
      seconds: number
      metadata: string
    }
    const { stdout } = await runProcess(python, [script('data_files.py'), told.metadata])
    const files = (JSON.parse(stdout) as string[]).map(sqlText)
    const fingerprint = await fingerprintOf(`read_parquet([${files.join(', ')}])`)
    return { finished, told: { seconds: told.seconds, fingerprint } }
  })
}

function participant(
  name: string,
  what: string,
  { changes }: Upsert,
  { work }: Workplace,
  upsert: (folder: string) => Promise<{ finished: Finished; told: Told }>,
): Participant {
  const folder = path.join(work, name)
  let fingerprint: Fingerprint = {}
  return {
    name,
    what,
    async prepare() {
      await mkdir(folder, { recursive: true })
    },
    async run(): Promise<Sample> {
      const { finished, told } = await upsert(folder)
      fingerprint = told.fingerprint
      return {
        seconds: finished.seconds,
        parts: { [upserting]: told.seconds },
        ...(finished.peakBytes !== undefined && { peakBytes: finished.peakBytes }),
      }
    },
    async verify() {
      expectFingerprint(name, fingerprint, changes.fingerprint)
    },
    async clean() {
      await rm(folder, { recursive: true, force: true })
    },
  }
}
