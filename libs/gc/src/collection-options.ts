import { PhloError } from '@phlo/ports'
import type { LakeRetention } from './lake-retention.js'

export interface CollectionOptions {
  readonly retention: LakeRetention
  /**
   * Files that were written less than this many milliseconds ago stay: a writer puts its files before the commit that
   * names them. Default: three days.
   */
  readonly safetyAge?: number
  /** Allows a safety age below one hour, for when nobody writes. Default false. */
  readonly allowYoung?: boolean
  /** Default: the present time. Milliseconds since 1970. */
  readonly now?: number
}

const hour = 60 * 60 * 1000
const defaultSafetyAge = 3 * 24 * hour

/** Throws PHLO_MAINTENANCE_REFUSED for a safety age below one hour. */
export function safetyAgeOf({ safetyAge = defaultSafetyAge, allowYoung = false }: CollectionOptions): number {
  if (safetyAge >= hour || allowYoung) return safetyAge
  throw new PhloError(
    'PHLO_MAINTENANCE_REFUSED',
    'Files younger than one hour may belong to a commit that is still being made',
    { hint: 'Choose a safety age of an hour or more, or make sure that nothing writes and allow young files.' },
  )
}
