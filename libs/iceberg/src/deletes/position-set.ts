import { invalid } from '../invalid.js'
import { type Container, copyOf, forEachValue, hasValue, singleton, union, withValue } from './roaring-container.js'

/** Numbers that share all but their lowest 16 bits are kept together. */
const containerSpan = 0x10000

/**
 * A set of row positions, compact whether they are few, many or in runs. Positions are integers from 0 to 2^53 - 1.
 */
export class PositionSet {
  /** By the position divided by 65536. */
  private readonly containers = new Map<number, Container>()

  /** The positions may come in any order. Throws PHLO_ICEBERG_INVALID for what is no position. */
  constructor(positions: Iterable<number> = []) {
    for (const position of positions) this.add(position)
  }

  /** Throws PHLO_ICEBERG_INVALID for what is no position. */
  add(position: number): void {
    if (!Number.isSafeInteger(position) || position < 0) throw invalid('row position', `${position} is none`)
    const low = position & 0xffff
    const key = (position - low) / containerSpan
    const container = this.containers.get(key)
    const added = container === undefined ? singleton(low) : withValue(container, low)
    if (added !== container) this.containers.set(key, added)
  }

  has(position: number): boolean {
    const low = position & 0xffff
    const container = this.containers.get((position - low) / containerSpan)
    return container !== undefined && hasValue(container, low)
  }

  /** Adds all positions of the other set. */
  addAll(other: PositionSet): void {
    for (const [key, container] of other.containers) {
      const own = this.containers.get(key)
      this.containers.set(key, own === undefined ? copyOf(container) : union(own, container))
    }
  }

  /** How many positions there are. */
  get size(): number {
    let size = 0
    for (const container of this.containers.values()) size += container.size
    return size
  }

  /** Calls with every position, ascending. */
  forEach(visit: (position: number) => void): void {
    for (const [key, container] of this.entries()) forEachValue(container, key * containerSpan, visit)
  }

  /** The positions, ascending. */
  *[Symbol.iterator](): Generator<number> {
    for (const [key, container] of this.entries()) {
      const positions: number[] = []
      forEachValue(container, key * containerSpan, (position) => positions.push(position))
      yield* positions
    }
  }

  /** The containers by the upper bits of their positions, ascending. */
  entries(): [number, Container][] {
    return [...this.containers].sort(([a], [b]) => a - b)
  }

  /** A set of containers with distinct keys, which it takes over. */
  static of(entries: Iterable<readonly [number, Container]>): PositionSet {
    const set = new PositionSet()
    for (const [key, container] of entries) set.containers.set(key, container)
    return set
  }
}
