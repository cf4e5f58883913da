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
import { LargeCatalog } from '../refs/large-catalog.js'
import { makeTables, PhloRefs, tableName } from '../refs/phlo-refs.js'
import { operations, operationTexts, type RefsParticipant } from '../refs/refs-participant.js'
import { RefsSamples } from '../refs/refs-samples.js'
import { limitTargets, manyTables, manyWriters, sizeTarget, writersTarget } from '../refs/refs-targets.js'
import { writerProcesses } from '../refs/writer-processes.js'
import { rotated } from '../rounds.js'
import { settle } from '../workplace.js'

/** Of each operation in a round. */
const turnsPerRound = 15
/** Turns before the first round: what a process loads and compiles at first is no operation's doing. */
const warmUps = 30
const writerSeconds = 2

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
  const sizes = [await LargeCatalog.in(await open('few'), 100), await LargeCatalog.in(await open('many'), manyTables)]
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
    for (const size of rotated(sizes, count)) to.add(size.name, size.what, await size.once())
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
  return [
    ...limitTargets(samples, limit),
    ...operations.map((operation) =>
      samples.atMost(
        `${operationTexts[operation]}, as a multiple of Nessie's durable RocksDB`,
        `${operation} phlo`,
        `${operation} nessie-durable`,
        1,
      ),
    ),
    sizeTarget(samples),
    writersTarget(samples, 'writers-N phlo'),
    writersTarget(samples, 'processes-N'),
  ]
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
