import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { ObjectStore } from '@phlo/ports'
import { bucketOptions } from '@phlo/stack'
import { MinioObjectStore, MinioStorageOptions } from '@phlo/storage-minio'
import type { BenchCase, CaseContext, Findings } from '../case.js'
import { LargeCatalog } from '../refs/large-catalog.js'
import { PhloRefs } from '../refs/phlo-refs.js'
import { operations, operationTexts, timed } from '../refs/refs-participant.js'
import { RefsSamples } from '../refs/refs-samples.js'
import { limitTargets, manyTables, manyWriters, sizeTarget, writersTarget } from '../refs/refs-targets.js'
import { rotated } from '../rounds.js'
import { settle } from '../workplace.js'

/** Of each operation in a round. */
const turnsPerRound = 15
/** Turns before the first round. */
const warmUps = 15
const writerSeconds = 2

const limit = 'conditional-put'

/** What {@link import('./refs.js').refs} measures, in a bucket: beside one conditional put. */
export const refsMinio: BenchCase = {
  name: 'refs-minio',
  description: 'branches, commits and merges in a bucket, beside one conditional put',
  rows: undefined,
  needsPython: false,
  async run({ workplace, runs, report }: CaseContext): Promise<Findings> {
    const cache = path.join(workplace.work, 'copies')
    const stores: ObjectStore[] = []
    const open = (name: string) => {
      const store = new MinioObjectStore(MinioStorageOptions.parse(bucketOptions(`bench-${name}`)), cache)
      stores.push(store)
      return store
    }
    try {
      return await measured(open, runs, report)
    } finally {
      for (const store of stores) {
        await empty(store)
        await store.close()
      }
      await rm(cache, { recursive: true, force: true })
    }
  },
}

async function measured(
  open: (name: string) => ObjectStore,
  runs: number,
  report: CaseContext['report'],
): Promise<Findings> {
  report('making catalogs')
  const words = { name: 'phlo', what: 'the embedded catalog in a bucket of MinIO' }
  const phlo = await PhloRefs.in(words, open('phlo'), open('listed'))
  const sizes = [await LargeCatalog.in(open('few'), 100), await LargeCatalog.in(open('many'), manyTables)]
  const bucket = open('limit')
  const samples = new RefsSamples()
  let puts = 0
  const turn = async (to: RefsSamples, count: number) => {
    for (const operation of operations) {
      const put = await timed(() => bucket.put(`put-${++puts}`, Buffer.alloc(1024, 'x'), { ifAbsent: true }))
      to.add(limit, 'the limit: 1 KiB put into the bucket if nothing is there', put)
      to.add(`${operation} ${phlo.name}`, `${operationTexts[operation]}: ${phlo.what}`, await phlo.once(operation))
    }
    for (const size of rotated(sizes, count)) to.add(size.name, size.what, await size.once())
  }
  report('warming up')
  const warmUp = new RefsSamples()
  for (let count = 0; count < warmUps; count++) await turn(warmUp, count)
  for (let round = 0; round < runs; round++) {
    samples.startRound()
    await settle()
    for (let count = 0; count < turnsPerRound; count++) await turn(samples, round + count)
    for (const writers of rotated([1, manyWriters], round)) {
      const what = `a commit of ${writers === 1 ? 'one writer' : `${writers} writers`} in one process: ${phlo.what}`
      samples.add(`writers-${writers} ${phlo.name}`, what, await phlo.writers(writers, writerSeconds))
    }
    report(`round ${round + 1} of ${runs}`)
  }
  const targets = [...limitTargets(samples, limit), sizeTarget(samples), writersTarget(samples, 'writers-N phlo')]
  return { yardstick: limit, measures: samples.measures(limit), targets }
}

/** Leaves nothing in the bucket. */
async function empty(store: ObjectStore): Promise<void> {
  const keys: string[] = []
  for await (const { key } of store.list('')) keys.push(key)
  await store.delete(keys)
}
