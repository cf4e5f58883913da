import { randomUUID } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { PhloError, type PutCondition } from '@phlo/ports'
import type { BucketAccess } from './access/bucket-access.js'
import type { MinioStorageOptions } from './options.js'
import { answerOf, isMissing, storageError } from './storage-error.js'
import type { Turns } from './turns.js'

/** The object's own name of the put that made it, in its metadata. */
const putName = 'phlo-put'
/** Bytes of a part; files up to this go in one request. */
const partSize = 16 * 1024 * 1024
/** The API's limits: parts of an upload, and bytes of an object. */
const mostParts = 10_000
const largestObject = 5 * 1024 ** 4
/** How often a put is sent again that met another one under way on the same key. */
const conflictRounds = 5

/** Puts objects under conditions, and finds out about puts whose answers were lost. */
export class Uploads {
  private readonly access: BucketAccess
  private readonly encryption: object
  private readonly turns: Turns

  constructor(access: BucketAccess, encryption: MinioStorageOptions['encryption'], turns: Turns) {
    this.access = access
    this.encryption = encryptionHeaders(encryption)
    this.turns = turns
  }

  /** Throws PHLO_OBJECT_EXISTS, PHLO_OBJECT_CHANGED, or PHLO_STORAGE_FAILED when it may or may not have happened. */
  async put(key: string, bytes: Uint8Array, condition: PutCondition | undefined): Promise<string> {
    return this.conditional(key, condition, async (metadata) => {
      const { ETag } = await this.access.of(key).client.send(
        new PutObjectCommand({
          ...this.target(key),
          ...this.encryption,
          ...conditionHeaders(condition),
          Body: bytes,
          ContentLength: bytes.length,
          Metadata: metadata,
        }),
      )
      return ETag
    })
  }

  /** Puts a file as a new object, in parts when it is large. Throws as {@link put} does. */
  async putFile(key: string, file: FileHandle, size: number): Promise<string> {
    if (size > largestObject) {
      throw new PhloError('PHLO_STORAGE_FAILED', `The file for ${key} has ${size} bytes, more than an object can have`)
    }
    if (size <= partSize) {
      return this.turns.take(async () => this.put(key, await readPart(file, 0, size), { ifAbsent: true }))
    }
    const condition: PutCondition = { ifAbsent: true }
    return this.conditional(key, condition, (metadata) => this.inParts(key, file, size, metadata))
  }

  private async inParts(
    key: string,
    file: FileHandle,
    size: number,
    metadata: Record<string, string>,
  ): Promise<string | undefined> {
    const target = this.target(key)
    const { client } = this.access.of(key)
    const { UploadId } = await client.send(
      new CreateMultipartUploadCommand({ ...target, ...this.encryption, Metadata: metadata }),
    )
    try {
      const Parts = await this.parts(client, key, file, size, UploadId)
      const done = await client.send(
        new CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts }, IfNoneMatch: '*' }),
      )
      return done.ETag
    } catch (error) {
      // What is left of an upload costs space until somebody looks for it; that this failed is not what to tell.
      await client.send(new AbortMultipartUploadCommand({ ...target, UploadId })).catch(() => undefined)
      throw error
    }
  }

  private async parts(
    client: S3Client,
    key: string,
    file: FileHandle,
    size: number,
    UploadId: string | undefined,
  ): Promise<CompletedPart[]> {
    const length = Math.max(partSize, Math.ceil(size / mostParts))
    const starts = Array.from({ length: Math.ceil(size / length) }, (_, index) => index * length)
    let failed = false
    const results = await Promise.allSettled(
      starts.map((start, index) =>
        this.turns.take(async () => {
          if (failed) throw new PhloError('PHLO_STORAGE_FAILED', `Another part of ${key} was not stored`)
          const PartNumber = index + 1
          try {
            const Body = await readPart(file, start, Math.min(length, size - start))
            const command = new UploadPartCommand({ ...this.target(key), UploadId, PartNumber, Body })
            const { ETag } = await client.send(command)
            return { PartNumber, ETag }
          } catch (error) {
            failed = true
            throw error
          }
        }),
      ),
    )
    // Nothing is under way any more when the upload is given up.
    const rejected = results.filter((result) => result.status === 'rejected')
    const reason: unknown = rejected.find(({ reason }) => answerOf(reason).name !== 'PhloError')?.reason
    if (rejected.length > 0) throw reason ?? rejected[0]?.reason
    return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  }

  /**
   * Sends a put. The SDK sends it again after a lost answer, and the condition then fails on the put's own object: every
   * put carries a name of its own, by which it knows that object.
   */
  private async conditional(
    key: string,
    condition: PutCondition | undefined,
    send: (metadata: Record<string, string>) => Promise<string | undefined>,
  ): Promise<string> {
    const name = randomUUID()
    let uncertain = false
    for (let round = 1; ; round++) {
      try {
        return versionOf(await send({ [putName]: name }))
      } catch (error) {
        const { attempts, status, name: problem } = answerOf(error)
        // An upload that is not there any more may be one that was completed.
        uncertain ||= attempts > 1 || problem === 'NoSuchUpload'
        if (status === 409 && condition && round < conflictRounds) continue
        if (!refused(error, condition)) throw storageError(error, `Storing ${key}`, this.access.of(key).place)
        if (!uncertain) throw refusal(key, condition)
        return await this.ownPut(key, name)
      }
    }
  }

  /** The version of the object that the put of this name made. Throws when another stands there, which may be a later one. */
  private async ownPut(key: string, name: string): Promise<string> {
    try {
      const { Metadata, ETag } = await this.access.of(key).client.send(new HeadObjectCommand(this.target(key)))
      if (Metadata?.[putName] === name) return versionOf(ETag)
    } catch (error) {
      if (!isMissing(error)) throw storageError(error, `Storing ${key}`, this.access.of(key).place)
    }
    throw new PhloError(
      'PHLO_STORAGE_FAILED',
      `The answer to storing ${key} was lost, and it may have happened or not`,
      {
        retryable: true,
        context: { key },
      },
    )
  }

  private target(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.access.own.place.bucket, Key: key }
  }
}

/** An ETag without its quotes, as the version of an object. */
export function versionOf(etag: string | undefined): string {
  if (etag === undefined) throw new PhloError('PHLO_STORAGE_FAILED', 'The store gave an object no ETag')
  return etag.replaceAll('"', '')
}

function conditionHeaders(condition: PutCondition | undefined): { IfNoneMatch?: string; IfMatch?: string } {
  if (condition?.ifAbsent) return { IfNoneMatch: '*' }
  return condition?.ifMatch === undefined ? {} : { IfMatch: `"${condition.ifMatch}"` }
}

function encryptionHeaders(encryption: MinioStorageOptions['encryption']): object {
  if (!encryption) return {}
  if (encryption.keys === 's3') return { ServerSideEncryption: 'AES256' }
  return {
    ServerSideEncryption: 'aws:kms',
    ...(encryption.keyId !== undefined && { SSEKMSKeyId: encryption.keyId }),
  }
}

/** Whether the condition failed, or the object may be the put's own already. */
function refused(error: unknown, condition: PutCondition | undefined): boolean {
  if (!condition) return false
  const { name, status } = answerOf(error)
  if (status === 412 || name === 'NoSuchUpload') return true
  return condition.ifMatch !== undefined && isMissing(error)
}

function refusal(key: string, condition: PutCondition | undefined): PhloError {
  return condition?.ifAbsent
    ? new PhloError('PHLO_OBJECT_EXISTS', `The object ${key} exists already`, { context: { key } })
    : new PhloError('PHLO_OBJECT_CHANGED', `The object ${key} is not the one that was expected`, {
        retryable: true,
        context: { key },
      })
}

async function readPart(file: FileHandle, start: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  let read = 0
  while (read < length) {
    const { bytesRead } = await file.read(buffer, read, length - read, start + read)
    if (bytesRead === 0) throw new PhloError('PHLO_STORAGE_FAILED', 'A file got shorter while it was stored')
    read += bytesRead
  }
  return buffer
}
