import { randomUUID } from 'node:crypto'
import type { ObjectStore, TableMetadata } from '@phlo/ports'
import type { AddedFile } from '../commit/snapshot-change.js'
import type { ConcurrentVector } from '../commit/concurrent-changes.js'
import { deletionVectorBlob, readDeletionVector } from '../deletes/deletion-vector.js'
import { PositionSet } from '../deletes/position-set.js'
import { type DataFile, isDeletionVector } from '../manifest/data-file.js'
import { writePuffin } from '../puffin/puffin-writer.js'
import { objectKey } from '../read-object.js'
import { mergeConflict } from './table-merge.js'

/** A step's deletes with vectors that also hold what the target deleted of the same data files. */
export interface UnitedDeletes {
  readonly deletes: readonly AddedFile[]
  /** Data files whose vectors were united. */
  readonly united: ReadonlySet<string>
  /** Key of the file that was written, if any. */
  readonly key?: string
}

/**
 * Puts the step's deletion vectors and the target's for the same data files together. A row that both deleted is deleted;
 * where rows came with one of them, it may be a row that both changed: PHLO_MERGE_CONFLICT (`rows`).
 */
export async function uniteVectors(
  store: ObjectStore,
  metadata: TableMetadata,
  step: {
    readonly deletes: readonly AddedFile[]
    readonly superseded: readonly DataFile[]
    readonly withRows: boolean
  },
  theirs: ReadonlyMap<string, ConcurrentVector>,
): Promise<UnitedDeletes> {
  const meets = ({ referencedDataFile: path }: DataFile) => (path === undefined ? undefined : theirs.get(path))
  const meeting = step.deletes.filter((file) => isDeletionVector(file) && meets(file))
  if (meeting.length === 0) return { deletes: step.deletes, united: new Set() }
  const sets = new Map<AddedFile, PositionSet>()
  for (const file of meeting) {
    const other = meets(file) as ConcurrentVector
    const [own, others] = [await readDeletionVector(store, file), await readDeletionVector(store, other.file)]
    if (step.withRows || other.withRows) {
      const before = step.superseded.find(
        (old) => isDeletionVector(old) && old.referencedDataFile === file.referencedDataFile,
      )
      const known = before ? await readDeletionVector(store, before) : new PositionSet()
      if ([...own].some((position) => !known.has(position) && others.has(position)))
        throw mergeConflict('rows', `Both sides changed a row of ${file.referencedDataFile}`, {
          file: file.referencedDataFile,
        })
    }
    own.addAll(others)
    sets.set(file, own)
  }
  const blobs = [...sets].map(([file, set]) => deletionVectorBlob(file.referencedDataFile as string, set))
  const puffin = writePuffin(blobs)
  const folder = objectKey(store, metadata.location)
  const key = `${folder}/data/${randomUUID()}-deletes.puffin`
  await store.put(key, puffin.bytes, { ifAbsent: true })
  const places = new Map([...sets.keys()].map((file, index) => [file, puffin.blobs[index]]))
  const deletes = step.deletes.map((file): AddedFile => {
    const [set, place] = [sets.get(file), places.get(file)]
    if (!set || !place) return file
    return {
      ...file,
      path: store.uri(key),
      recordCount: set.size,
      fileSize: puffin.bytes.length,
      contentOffset: place.offset,
      contentSize: place.length,
    }
  })
  return { deletes, united: new Set(meeting.map(({ referencedDataFile: path }) => path as string)), key }
}
