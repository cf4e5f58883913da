import {
  isPhloError,
  type ObjectStore,
  PhloError,
  type TableMetadata,
  type TableRequirement,
  type TableUpdate,
} from '@phlo/ports'
import { conflict } from '../commit/conflict.js'
import { invalid } from '../invalid.js'
import type { MaintainedTable } from '../maintenance/maintained-table.js'
import {
  type MetadataCodec,
  metadataCodec,
  metadataEndings,
  parseMetadata,
  serializeMetadata,
} from '../metadata/metadata-file.js'
import { checkRequirements } from '../metadata/requirements.js'
import { applyUpdates } from '../metadata/updates.js'
import { emptyOldVersions, longestWait, versionOf } from './old-versions.js'

/** After so many lost races in a row something else is wrong. */
const mostAttempts = 100

interface Version {
  readonly number: number
  /** Milliseconds since 1970. */
  readonly readAt: number
  readonly key: string
  readonly metadata: TableMetadata
}

/**
 * A table whose metadata lies in its own folder: `metadata/v1.metadata.json`, `v2.metadata.json`, …, and
 * `metadata/version-hint.text`, which names a version that is not much older than the newest. Making the next version's
 * file is the commit.
 */
export class TableFolder implements MaintainedTable {
  readonly store: ObjectStore
  private readonly folder: string
  /** The one that was read or written last: of a long history, reading it takes time. */
  private last: Version | undefined

  constructor(store: ObjectStore, folder: string) {
    this.store = store
    this.folder = folder
  }

  async load(): Promise<TableMetadata> {
    return (await this.newest()).metadata
  }

  /** Writes the first version. Throws PHLO_OBJECT_EXISTS. */
  async create(metadata: TableMetadata): Promise<void> {
    await this.store.put(this.key(1, 'none'), serializeMetadata(metadata), { ifAbsent: true })
    await this.hint(1)
  }

  async commit(requirements: readonly TableRequirement[], updates: readonly TableUpdate[]): Promise<TableMetadata> {
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const { number, key, metadata, readAt } = await this.newest()
      checkRequirements(metadata, requirements, this.folder)
      const previousLocation = this.store.uri(key)
      const next = applyUpdates(metadata, updates, { now: Date.now(), previousLocation })
      if (next.location !== metadata.location)
        throw new PhloError('PHLO_UNSUPPORTED', 'A table that is kept in its own folder cannot be moved')
      // The name of the file is what writers race for: all that start from a version have to come to the same one.
      const codec = metadataCodec(metadata, 'none')
      const newKey = this.key(number + 1, codec)
      const bytes = serializeMetadata(next, codec)
      // What has been away for so long may meet numbers that were given back.
      if (Date.now() - readAt > longestWait) continue
      if (await this.put(newKey, bytes)) {
        await this.hint(number + 1)
        this.last = { number: number + 1, key: newKey, metadata: next, readAt: Date.now() }
        await emptyOldVersions(this.store, this.prefix, this.last)
        return next
      }
    }
    throw conflict(`Others were first ${mostAttempts} times in a row`)
  }

  /** False when the version is another's. */
  private async put(key: string, bytes: Uint8Array): Promise<boolean> {
    try {
      await this.store.put(key, bytes, { ifAbsent: true })
      return true
    } catch (error) {
      if (!isPhloError(error, 'PHLO_OBJECT_EXISTS')) throw error
      // A store that tries again after a lost answer meets its own object.
      const existing = await this.store.get(key)
      return existing !== undefined && Buffer.compare(existing.bytes, bytes) === 0
    }
  }

  /**
   * Made anew rather than changed, so that a store of files has it under its own name for other programs. Readers go on
   * from the hint to the newest, so that one that is missing or old costs them time only.
   */
  private async hint(number: number): Promise<void> {
    try {
      await this.store.delete([this.hintKey])
      await this.store.put(this.hintKey, Buffer.from(String(number)), { ifAbsent: true })
    } catch {
      // Another writer's hint, or none: the commit has happened either way.
    }
  }

  private async newest(): Promise<Version> {
    let found = await this.read(await this.hinted())
    if (found === undefined || found === 'emptied') found = await this.read(await this.listed())
    while (found !== undefined && found !== 'emptied') {
      const next = await this.read(found.number + 1)
      if (next === undefined) return found
      // The hint is far too old when what follows was done away with.
      found = next === 'emptied' ? await this.read(await this.listed()) : next
    }
    throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table in ${this.folder}`)
  }

  private async hinted(): Promise<number | undefined> {
    const hint = await this.store.get(this.hintKey)
    const text = hint && Buffer.from(hint.bytes).toString('utf8').trim()
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
  }

  /** The highest version whose file is there. */
  private async listed(): Promise<number | undefined> {
    let highest: number | undefined
    for await (const { key } of this.store.list(this.prefix)) {
      const number = versionOf(key, this.prefix)
      if (number !== undefined && (highest === undefined || number > highest)) highest = number
    }
    return highest
  }

  /** The version, `undefined` when it is not there. Versions never change, but that old ones may be emptied. */
  private async read(number: number | undefined): Promise<Version | 'emptied' | undefined> {
    if (number === undefined) return undefined
    const readAt = Date.now()
    if (number === this.last?.number && readAt - this.last.readAt < longestWait) return this.last
    for (const ending of [...Object.values(metadataEndings), '.metadata.json.gz']) {
      const key = `${this.folder}/metadata/v${number}${ending}`
      const object = await this.store.get(key)
      if (!object) continue
      if (object.bytes.length === 0) return 'emptied'
      const metadata = parseMetadata(object.bytes, key)
      if (this.store.key(metadata.location.replace(/\/$/, '')) !== this.folder)
        throw invalid(key, `is the metadata of a table at ${metadata.location}`)
      this.last = { number, key, metadata, readAt }
      return this.last
    }
    return undefined
  }

  private key(number: number, codec: MetadataCodec): string {
    return `${this.prefix}${number}${metadataEndings[codec]}`
  }

  /** Of the names of metadata files, up to the version's number. */
  private get prefix(): string {
    return `${this.folder}/metadata/v`
  }

  private get hintKey(): string {
    return `${this.folder}/metadata/version-hint.text`
  }
}
