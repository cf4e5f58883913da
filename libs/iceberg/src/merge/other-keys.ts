import { isPhloError, type SharedKeyLookup } from '@phlo/ports'
import type { ConcurrentChanges } from '../commit/concurrent-changes.js'
import type { DataFile } from '../manifest/data-file.js'
import type { TableFiles } from '../manifest/table-files.js'
import { currentSchema } from '../metadata/metadata.js'
import { indexById } from '../schema/schema.js'
import { mayShareKey, sameKeys } from './row-regions.js'
import { mergeConflict } from './table-merge.js'

/** Files of the target whose rows are compared at once. */
const filesAtOnce = 1000

/** By the key's field ids: URIs of the target's files that certainly have no key of the step's, although bounds meet. */
export type FilesApart = ReadonlyMap<string, ReadonlySet<string>>

export function keyName(ids: readonly number[]): string {
  return ids.join()
}

/**
 * Compares the keys of the step's data files with those of the data files that the target added: by bounds, and where those
 * meet by the rows, if there is a way to look at them. Throws PHLO_MERGE_CONFLICT (`keys`) where a key may be in both.
 */
export async function requireOtherKeys(
  concurrent: ConcurrentChanges,
  keys: readonly (readonly number[])[],
  data: readonly DataFile[],
  files: TableFiles,
  sharedKey: SharedKeyLookup | undefined,
): Promise<FilesApart> {
  const apart = new Map<string, Set<string>>()
  if (data.length === 0) return apart
  for (const ids of keys) {
    const seen = new Set<string>()
    let theirs: DataFile[] = []
    const compare = async () => {
      if (theirs.length > 0) await requireNoSharedKey(ids, data, theirs, files, sharedKey)
      for (const { path } of theirs) seen.add(path)
      theirs = []
    }
    for await (const file of concurrent.eachAddedData({ region: sameKeys(ids, data, [], files) })) {
      theirs.push(file)
      if (!sharedKey || theirs.length === filesAtOnce) await compare()
    }
    await compare()
    apart.set(keyName(ids), seen)
  }
  return apart
}

async function requireNoSharedKey(
  ids: readonly number[],
  data: readonly DataFile[],
  theirs: readonly DataFile[],
  files: TableFiles,
  sharedKey: SharedKeyLookup | undefined,
): Promise<void> {
  const { metadata } = files
  const ours = data.filter((own) => theirs.some((other) => mayShareKey(ids, own, other, files)))
  const answer = await answerOf(sharedKey && (() => sharedKey({ metadata, keyIds: ids, ours, theirs })))
  if (answer && !answer.key) return
  const names = indexById(currentSchema(metadata))
  const columns = ids.map((id) => names.get(id)?.path.join('.') ?? String(id))
  if (answer?.key) {
    const key = answer.key.map((text, index) => `${columns[index]} ${text}`).join(', ')
    throw mergeConflict('keys', `Both sides added a row with ${key}`, { columns, key: answer.key })
  }
  const file = theirs[0]?.path
  throw mergeConflict('keys', `Both sides added rows that may have the same ${columns.join(', ')}: ${file}`, {
    file,
    columns,
  })
}

const cannotTell: readonly string[] = ['PHLO_UNSUPPORTED', 'PHLO_ICEBERG_UNSUPPORTED']

/** `undefined` where nobody can look at the rows. */
async function answerOf(
  look: (() => ReturnType<SharedKeyLookup>) | undefined,
): Promise<{ readonly key: readonly string[] | undefined } | undefined> {
  try {
    return look && { key: await look() }
  } catch (error) {
    if (cannotTell.some((code) => isPhloError(error, code))) return undefined
    throw error
  }
}
