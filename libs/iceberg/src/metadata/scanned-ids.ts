import { lowDigits, none } from './json-bytes.js'

export interface SnapshotIds {
  readonly ids: BigInt64Array
  /** {@link noParent} for a snapshot without one. */
  readonly parents: BigInt64Array
  /** Indexes of snapshots whose parent is not the one before them in the list. */
  readonly jumps: readonly number[]
}

/** Ids that are scanned are never below 0. */
export const noParent = -1n

/** Collects the ids of snapshots. */
export class ScannedIds {
  private own: BigInt64Array = new BigInt64Array(64)
  private parents: BigInt64Array = new BigInt64Array(64)
  private readonly jumps: number[] = []
  private count = 0
  private high = none
  private low = none

  /** Ids come as the digits before the last nine, and those: few are worth a bigint of their own. */
  add(found: Float64Array): void {
    const { count } = this
    if (count === this.own.length) {
      this.own = longer(this.own)
      this.parents = longer(this.parents)
    }
    const parentHigh = found[2] as number
    const parentLow = found[3] as number
    if (parentHigh === none) this.parents[count] = noParent
    else if (parentHigh === this.high && parentLow === this.low) this.parents[count] = this.own[count - 1] as bigint
    else {
      this.jumps.push(count)
      this.parents[count] = bigintOf(parentHigh, parentLow)
    }
    this.high = found[0] as number
    this.low = found[1] as number
    this.own[count] = bigintOf(this.high, this.low)
    this.count++
  }

  found(): SnapshotIds {
    return { ids: this.own.slice(0, this.count), parents: this.parents.slice(0, this.count), jumps: this.jumps }
  }
}

function longer(list: BigInt64Array): BigInt64Array {
  const copy = new BigInt64Array(2 * list.length)
  copy.set(list)
  return copy
}

const lowFactor = BigInt(10 ** lowDigits)

function bigintOf(high: number, low: number): bigint {
  return high === 0 ? BigInt(low) : BigInt(high) * lowFactor + BigInt(low)
}
