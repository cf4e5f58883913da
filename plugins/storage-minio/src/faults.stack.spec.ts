import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { isPhloError } from '@phlo/ports'
import { runningServer } from '@phlo/stack'
import type { MinioObjectStore } from './minio-object-store.js'
import { type Fault, FaultyProxy } from './testing/faulty-proxy.js'
import { Stores } from './testing/stores.js'

const stores = new Stores()
let proxy: FaultyProxy
let prefix: string

beforeEach(async () => {
  proxy = await FaultyProxy.before(runningServer('minio').endpoint)
  prefix = `faults/${randomUUID()}`
})
afterEach(async () => {
  await stores.close()
  await proxy.close()
})

const faulty = (more: object = {}) => stores.create({ prefix, endpoint: proxy.endpoint, ...more })
const sound = () => stores.create({ prefix })
const bytes = (text: string) => Buffer.from(text)
const textOf = async (store: MinioObjectStore, key: string) =>
  Buffer.from((await store.get(key))?.bytes ?? []).toString()

/** The fault for the first so many requests of a method. */
function first(method: string, times: number, fault: Fault) {
  let left = times
  return (asked: string) => (asked === method && left-- > 0 ? fault : 'none')
}

/** Repeatable randomness: a test that failed can be run again. */
function randomFrom(seed: number) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

describe('A put between faults', () => {
  it.each<Fault>(['lost', 'answer-lost', 'refused', 'error-after', 'late', 'answer-cut'])(
    'creates its object once when the first try is %s',
    async (fault) => {
      const store = await faulty()
      proxy.fault = first('PUT', 1, fault)
      const { version } = await store.put('k', bytes('mine'), { ifAbsent: true })
      expect(await (await sound()).head('k')).toMatchObject({ version, size: 4 })
      proxy.fault = first('PUT', 1, fault)
      const next = await store.put('k', bytes('mine again'), { ifMatch: version })
      expect(await (await sound()).head('k')).toMatchObject({ version: next.version, size: 10 })
    },
  )

  it('is refused when another’s object was there before it, however often it is tried', async () => {
    const other = await sound()
    const store = await faulty()
    const { version } = await other.put('k', bytes('theirs'))
    await expect(store.put('k', bytes('mine'), { ifAbsent: true })).rejects.toMatchObject({
      code: 'PHLO_OBJECT_EXISTS',
    })
    await other.put('k', bytes('theirs too'), { ifMatch: version })
    const late = store.put('k', bytes('mine'), { ifMatch: version })
    await expect(late).rejects.toMatchObject({ code: 'PHLO_OBJECT_CHANGED' })
    expect(await textOf(other, 'k')).toBe('theirs too')
  })

  it('does not say that it was refused when it may have happened', async () => {
    const other = await sound()
    const store = await faulty()
    let answers = 0
    proxy.fault = (method) => (method === 'PUT' && answers++ === 0 ? 'answer-lost' : 'none')
    await other.put('k', bytes('theirs'))
    const put = store.put('k', bytes('mine'), { ifAbsent: true })
    await expect(put).rejects.toMatchObject({ code: 'PHLO_STORAGE_FAILED', retryable: true })
  })

  it('fails as retryable when no try gets through', async () => {
    const store = await faulty({ attempts: 2 })
    proxy.fault = () => 'refused'
    await expect(store.put('k', bytes('mine'))).rejects.toMatchObject({ code: 'PHLO_STORAGE_FAILED', retryable: true })
  })

  it.each([1, 2, 3])('is neither doubled nor lost among many writers (seed %i)', async (seed) => {
    const random = randomFrom(seed)
    const faults: Fault[] = ['lost', 'answer-lost', 'refused', 'error-after', 'late', 'answer-cut']
    proxy.fault = () => (random() < 0.3 ? (faults[Math.floor(random() * faults.length)] as Fault) : 'none')
    const acknowledged: string[] = []
    const refused: string[] = []
    const uncertain: string[] = []
    await (await sound()).put('log', bytes('[]'), { ifAbsent: true })

    const writer = async (name: number) => {
      const store = await faulty({ attempts: 4 })
      for (let turn = 0; turn < 12; turn++) {
        const entry = `${name}-${turn}`
        let reached = false
        try {
          const current = await store.get('log')
          const log = JSON.parse(Buffer.from(current!.bytes).toString()) as string[]
          reached = true
          await store.put('log', bytes(JSON.stringify([...log, entry])), { ifMatch: current!.version })
          acknowledged.push(entry)
        } catch (error) {
          if (!isPhloError(error)) throw error
          if (error.code === 'PHLO_OBJECT_CHANGED' || !reached) refused.push(entry)
          else uncertain.push(entry)
        }
      }
    }
    await Promise.all([0, 1, 2, 3].map(writer))

    const log = JSON.parse(await textOf(await sound(), 'log')) as string[]
    expect(new Set(log).size).toBe(log.length)
    expect(acknowledged.filter((entry) => !log.includes(entry))).toEqual([])
    expect(refused.filter((entry) => log.includes(entry))).toEqual([])
    expect(log.filter((entry) => !acknowledged.includes(entry) && !uncertain.includes(entry))).toEqual([])
    expect(acknowledged.length).toBeGreaterThan(5)
  })
})

describe('A large file between faults', () => {
  const large = Buffer.alloc(40 * 1024 * 1024, 'abcdefghij')
  let folder: string
  let file: string

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-large-'))
    file = path.join(folder, 'large.parquet')
    await writeFile(file, large)
  })
  afterEach(() => rm(folder, { recursive: true }))

  async function unfinished(): Promise<number> {
    const { endpoint, region, bucket, accessKeyId, secretAccessKey } = runningServer('minio')
    const credentials = { accessKeyId, secretAccessKey }
    const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials })
    try {
      const key = `${prefix}/large.parquet`
      const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key }))
      return Uploads?.length ?? 0
    } finally {
      client.destroy()
    }
  }

  it('is stored in parts, read back through a body that breaks off, and stored no second time', async () => {
    const random = randomFrom(7)
    const store = await faulty()
    proxy.fault = (method) => (method === 'PUT' && random() < 0.4 ? 'answer-lost' : 'none')
    await store.putFile('large.parquet', file)
    expect((await readFile(await store.localFile('large.parquet'))).equals(large)).toBe(true)

    const other = await faulty()
    proxy.fault = first('GET', 2, 'answer-cut')
    expect((await readFile(await other.localFile('large.parquet'))).equals(large)).toBe(true)

    await writeFile(file, large)
    proxy.fault = () => 'none'
    await expect(store.putFile('large.parquet', file)).rejects.toMatchObject({ code: 'PHLO_OBJECT_EXISTS' })
    expect(await unfinished()).toBe(0)
  })

  it('knows its own object when the answer to the last request is lost', async () => {
    const store = await faulty()
    let completed = 0
    proxy.fault = (method, asked) =>
      method === 'POST' && asked.includes('uploadId=') && completed++ === 0 ? 'answer-lost' : 'none'
    const { version } = await store.putFile('large.parquet', file)
    expect(await (await sound()).head('large.parquet')).toMatchObject({ version, size: large.length })
    expect(completed).toBeGreaterThan(1)
  })

  it('leaves nothing behind when it cannot be stored', async () => {
    const store = await faulty({ attempts: 2 })
    proxy.fault = (method, asked) => (method === 'PUT' && asked.includes('partNumber=2') ? 'refused' : 'none')
    await expect(store.putFile('large.parquet', file)).rejects.toMatchObject({ code: 'PHLO_STORAGE_FAILED' })
    expect(await unfinished()).toBe(0)
    expect(await (await sound()).head('large.parquet')).toBeUndefined()
    expect((await readFile(file)).length).toBe(large.length)
  })
})
