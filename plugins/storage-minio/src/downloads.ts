import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import type { ByteRange, StoredObject } from '@phlo/ports'
import type { Access, BucketAccess } from './access/bucket-access.js'
import { answerOf, isMissing, storageError } from './storage-error.js'
import { versionOf } from './uploads.js'

/** Milliseconds before a body that broke off is asked for again, doubled with each time. */
const firstPause = 100

export interface ReadOptions {
  readonly range?: ByteRange
  readonly signal?: AbortSignal
}

/** Reads objects. The SDK repeats requests; a body that breaks off while it is read is asked for again here. */
export class Downloads {
  private readonly access: BucketAccess
  private readonly attempts: number

  constructor(access: BucketAccess, attempts: number) {
    this.access = access
    this.attempts = attempts
  }

  /** The object's bytes, or those of a range, cut at its end; `undefined` when there is none. */
  async read(key: string, { range, signal }: ReadOptions = {}): Promise<StoredObject | undefined> {
    // The API has no empty range.
    const Range = range && { Range: `bytes=${range.start}-${Math.max(range.end, range.start + 1) - 1}` }
    return this.repeated(key, async ({ client, place }) => {
      try {
        const answer = await client.send(
          new GetObjectCommand({ Bucket: place.bucket, Key: key, ...Range }),
          signal ? { abortSignal: signal } : {},
        )
        const bytes = await (answer.Body as { transformToByteArray(): Promise<Uint8Array> }).transformToByteArray()
        return { bytes: range ? bytes.subarray(0, range.end - range.start) : bytes, version: versionOf(answer.ETag) }
      } catch (error) {
        if (isMissing(error)) return undefined
        if (range && answerOf(error).status === 416) return this.nothingOf(key, signal)
        throw error
      }
    })
  }

  /** Feeds the object to `write`, piece by piece and from the first one again when it breaks off. Gives its version. */
  async stream(key: string, write: (body: AsyncIterable<Buffer>) => Promise<void>): Promise<string | undefined> {
    return this.repeated(key, async ({ client, place }) => {
      try {
        const answer = await client.send(new GetObjectCommand({ Bucket: place.bucket, Key: key }))
        await write(answer.Body as Readable)
        return versionOf(answer.ETag)
      } catch (error) {
        if (isMissing(error)) return undefined
        throw error
      }
    })
  }

  /** A range that begins behind the object's end is empty, which the API says without the object's version. */
  private async nothingOf(key: string, signal: AbortSignal | undefined): Promise<StoredObject | undefined> {
    const whole = await this.read(key, signal ? { signal } : {})
    return whole && { ...whole, bytes: new Uint8Array() }
  }

  private async repeated<T>(key: string, work: (access: Access) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const access = this.access.of(key)
      try {
        return await work(access)
      } catch (error) {
        // A request that failed was repeated already; what has no status broke off.
        const brokeOff = answerOf(error).status === undefined && attempt < this.attempts && brokenBody(error)
        if (!brokeOff) throw storageError(error, `Reading ${key}`, access.place)
        await sleep(firstPause * 2 ** (attempt - 1) * (0.5 + Math.random() / 2))
      }
    }
  }
}

function brokenBody(error: unknown): boolean {
  return /^(aborted|ECONNRESET|EPIPE|ETIMEDOUT|TimeoutError|ERR_STREAM_PREMATURE_CLOSE|Error)$/.test(
    answerOf(error).name,
  )
}
