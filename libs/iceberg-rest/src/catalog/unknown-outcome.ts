import { backoff, pause } from '@phlo/http'
import {
  formatIdentifier,
  isPhloError,
  PhloError,
  type TableIdentifier,
  type TableMetadata,
  type TableUpdate,
} from '@phlo/ports'
import { applyUpdates, serializeJson } from '@phlo/iceberg'

/** One attempt at a change: what came of it, or that nobody knows. Refusals are thrown. */
export type Attempt<T> = { readonly done: T } | { readonly unknown: string }

/** How often a change is sent whose answer got lost. */
const mostAttempts = 4

/**
 * Makes a change whose answer may get lost. Before it is sent again, `find` looks whether the catalog shows it already;
 * a refusal that comes after a lost answer may be due to the change itself, and is looked into the same way.
 * Throws PHLO_COMMIT_UNKNOWN when that cannot be found out.
 */
export async function settled<T>(
  what: string,
  attempt: () => Promise<Attempt<T>>,
  find: () => Promise<T | undefined>,
): Promise<T> {
  let lost: string | undefined
  for (let number = 0; number < mostAttempts; number++) {
    let result: Attempt<T>
    try {
      result = await attempt()
    } catch (error) {
      const found = lost === undefined ? undefined : await look(what, lost, find)
      if (found === undefined) throw error
      return found
    }
    if ('done' in result) return result.done
    lost = result.unknown
    await pause(backoff(number))
    const found = await look(what, lost, find)
    if (found !== undefined) return found
  }
  throw unknownOutcome(what, lost ?? '')
}

async function look<T>(what: string, lost: string, find: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await find()
  } catch (error) {
    throw isPhloError(error, 'PHLO_CATALOG_FAILED') ? unknownOutcome(what, lost, error) : error
  }
}

function unknownOutcome(what: string, lost: string, cause?: unknown): PhloError {
  return new PhloError('PHLO_COMMIT_UNKNOWN', `${what}: the catalog’s answer got lost: ${lost}`, {
    hint: 'Look at the table before you try again: the change may be there, or come yet. Its files were left in place.',
    ...(cause !== undefined && { cause }),
  })
}

/**
 * Does the table show what the updates do? New snapshots and a new table's uuid are known by their ids; other updates
 * are there when applying them changes nothing.
 */
export function shows(identifier: TableIdentifier, metadata: TableMetadata, updates: readonly TableUpdate[]): boolean {
  const uuid = updates.find((update) => update.action === 'assign-uuid')
  if (uuid && metadata['table-uuid'] !== uuid.uuid) return false
  const added = updates.filter((update) => update.action === 'add-snapshot')
  const ids = new Set(metadata.snapshots?.map((snapshot) => snapshot['snapshot-id']))
  if (added.length > 0) return added.every(({ snapshot }) => ids.has(snapshot['snapshot-id']))
  if (uuid) return true
  try {
    return sameState(applyUpdates(metadata, updates, { now: metadata['last-updated-ms'] }), metadata)
  } catch (error) {
    if (isPhloError(error)) return false
    throw new PhloError('PHLO_INTERNAL', `The updates of ${formatIdentifier(identifier)} cannot be compared`, {
      cause: error,
    })
  }
}

function sameState(a: TableMetadata, b: TableMetadata): boolean {
  const state = ({ 'last-updated-ms': _, 'metadata-log': _log, ...rest }: TableMetadata) =>
    serializeJson(Object.entries(rest).sort(([left], [right]) => (left < right ? -1 : 1)))
  return state(a) === state(b)
}
