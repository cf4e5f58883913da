import { mkdir, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { serializeMetadata } from '@phlo/iceberg'
import type { ObjectStore } from '@phlo/ports'
import { LocalObjectStore } from '@phlo/storage-local'
import { BenchError } from '../bench-error.js'
import type { BenchCase, CaseContext, Findings, Target } from '../case.js'
import { DurableCreate } from '../participants/durable-create.js'
import { NessieRefs } from '../refs/nessie-refs.js'
import { type NessieProcess, type NessieStorage, startNessie } from '../refs/nessie-process.js'
import { makeTables, PhloRefs, tableChange, tableName } from '../refs/phlo-refs.js'
import { type Operation, operations, operationTexts, type RefsParticipant, timed } from '../refs/refs-participant.js'
import { RefsSamples } from '../refs/refs-samples.js'
import { writerProcesses } from '../refs/writer-processes.js'
import { rotated } from '../rounds.js'
import { settle } from '../workplace.js'

/** Of each operation in a round. */
const turnsPerRound = 15
/** Turns before the first round: what a process loads and compiles at first is no operation's doing. */
const warmUps = 30
const manyWriters = 32
const writerSeconds = 2
const manyTables = 100_000

/** At most so many times the limit. */
const wanted: Readonly<Partial<Record<Operation, number>>> = {
  'create-branch': 1.3,
  commit: 2.5,
  'commit-with-metadata': 3.5,
  'fast-forward': 1.5,
  'three-way': 4,
}

const nessies: Readonly<Record<NessieStorage, Pick<RefsParticipant, 'name' | 'what'>>> = {
  memory: { name: 'nessie-memory', what: 'Nessie in memory, which is not durable' },
  rocksdb: {
    name: 'nessie-rocksdb',
    what: 'Nessie on RocksDB as it comes: a crash of the system loses what it had acknowledged',
  },
  durable: { name: 'nessie-durable', what: 'Nessie on RocksDB, in a folder that is written through to the disk' },
}

/** How long branches, commits and merges take, beside the disk's durable create and Nessie. */
export const refs: BenchCase = {
  name: 'refs',
  description: 'branches, commits and merges, beside one durable file and Nessie',
  rows: undefined,
  needsPython: false,
  async run(context: CaseContext): Promise<Findings> {
    const started: NessieProcess[] = []
    try {
      return await measured(context, started)
    } finally {
      for (const { stop } of started) await stop()
    }
  },
}

async function measured({ workplace, runs, report }: CaseContext, started: NessieProcess[]): Promise<Findings> {
  const folder = (name: string) => path.join(workplace.work, name)
  const open = (name: string) => LocalObjectStore.open(folder(name))
  report('making catalogs')
  const phlo = await PhloRefs.in(
    { name: 'phlo', what: 'the embedded catalog on the local disk' },
    await open('phlo'),
    await open('phlo-listed'),
  )
  const few = await largeCatalog(await open('few'), 100)
  const many = await largeCatalog(await open('many'), manyTables)
  await makeTables(await open('writers'), 100)
  const metadata = await metadataFile(await open('few'))
  const peers: NessieRefs[] = []
  for (const storage of ['memory', 'rocksdb', 'durable'] as const) {
    const words = nessies[storage]
    report(`starting ${words.name}`)
    await mkdir(folder(words.name))
    const server = await startNessie(folder(words.name), storage)
    started.push(server)
    const peer = new NessieRefs(words, server.api, await open(`${words.name}-metadata`), metadata)
    await peer.create()
    peers.push(peer)
  }
  const disk = await DurableCreate.in(folder('disk'))
  const participants: RefsParticipant[] = [phlo, ...peers]
  const samples = new RefsSamples()

  const turn = async (to: RefsSamples, count: number) => {
    for (const operation of operations) {
      to.add(disk.name, disk.what, disk.once())
      for (const participant of rotated(participants, count)) {
        const what = `${operationTexts[operation]}: ${participant.what}`
        to.add(`${operation} ${participant.name}`, what, await participant.once(operation))
      }
    }
    for (const { tables, commit } of rotated([few, many], count))
      to.add(
        `commit-at-${tables}`,
        `one of ${tables} tables is changed: its metadata file and a commit`,
        await commit(),
      )
  }
  report('warming up')
  const warmUp = new RefsSamples()
  for (let count = 0; count < warmUps; count++) await turn(warmUp, count)
  for (let round = 0; round < runs; round++) {
    samples.startRound()
    await disk.fill(await fullestFolder(folder('phlo')))
    await settle()
    for (let count = 0; count < turnsPerRound; count++) await turn(samples, round + count)
    for (const participant of rotated(participants, round)) {
      for (const writers of rotated([1, manyWriters], round)) {
        const what = `a commit of ${writers === 1 ? 'one writer' : `${writers} writers`} in one process: ${participant.what}`
        samples.add(`writers-${writers} ${participant.name}`, what, await participant.writers(writers, writerSeconds))
      }
    }
    for (const writers of rotated([1, manyWriters], round)) {
      const what = `a commit of ${writers === 1 ? 'one process' : `${writers} processes`}, each to a table of its own`
      samples.add(`processes-${writers}`, what, await writerProcesses(folder('writers'), writers, writerSeconds))
    }
    report(`round ${round + 1} of ${runs}`)
  }
  for (const name of await readdir(workplace.work)) await rm(folder(name), { recursive: true, force: true })
  return { yardstick: disk.name, measures: samples.measures(disk.name), targets: targets(samples, disk.name) }
}

function targets(samples: RefsSamples, limit: string): Target[] {
  const one = (kind: string) => kind.replace('N', '1')
  const all = (kind: string) => kind.replace('N', `${manyWriters}`)
  return [
    ...Object.entries(wanted).map(([operation, most]) =>
      samples.atMost(
        `${operationTexts[operation as Operation]}, as a multiple of the limit`,
        `${operation} phlo`,
        limit,
        most,
      ),
    ),
    ...operations.map((operation) =>
      samples.atMost(
        `${operationTexts[operation]}, as a multiple of Nessie's durable RocksDB`,
        `${operation} phlo`,
        `${operation} nessie-durable`,
        1,
      ),
    ),
    samples.atMost(
      `a commit at ${manyTables.toLocaleString('en-US')} tables, as a multiple of one at 100`,
      `commit-at-${manyTables}`,
      'commit-at-100',
      1.5,
    ),
    ...['writers-N phlo', 'processes-N'].map((kind) =>
      samples.atMost(`${all(kind)}: time of a commit, as a multiple of ${one(kind)}`, all(kind), one(kind), 1),
    ),
  ]
}

/** A catalog with that many tables, and a commit to one of them. */
async function largeCatalog(store: ObjectStore, tables: number) {
  await makeTables(store, tables)
  const catalog = await EmbeddedCatalog.open(store)
  let count = 0
  const commit = () => {
    // Another table each time, so that no page has just been there.
    const index = (++count * 7919) % tables
    return timed(() => catalog.commit([tableChange(index, `${count}`)], { message: 'Changed' }))
  }
  return { tables, commit }
}

async function metadataFile(store: ObjectStore): Promise<Uint8Array> {
  const table = await (await EmbeddedCatalog.open(store)).loadTable(tableName(0))
  if (!table) throw new BenchError('The table is not there')
  return Buffer.from(serializeMetadata(table.metadata))
}

/** Entries of the folder that holds most. */
async function fullestFolder(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true })
  const below = entries.filter((entry) => entry.isDirectory()).map((entry) => path.join(folder, entry.name))
  return Math.max(entries.length, ...(await Promise.all(below.map(fullestFolder))))
}
