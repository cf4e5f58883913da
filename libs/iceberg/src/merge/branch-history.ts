import type { Snapshot, TableMetadata } from '@phlo/ports'
import { summaryKeys } from '../commit/snapshot-summary.js'
import { ancestors } from '../metadata/ancestry.js'

/** The snapshot that did this first: a replayed one says of which it is, over any number of merges. */
export function originOf({ 'snapshot-id': id, summary }: Snapshot): string {
  return summary?.[summaryKeys.sourceSnapshot] ?? String(id)
}

/** One branch of the table on both sides of a merge. */
export interface Parting {
  /** What the source did and neither the base nor the target has, oldest first. */
  readonly steps: readonly Snapshot[]
  /** The newest snapshot that both sides have, `null` when both begin with nothing. */
  readonly meeting: bigint | null
  /** Snapshots of the target that the source has under other ids. */
  readonly seen: ReadonlySet<bigint>
  /** Some of what the source did since is no longer told by snapshots. */
  readonly incomplete: boolean
  /** The source gave up snapshots that the base has. */
  readonly sourceWentBack: boolean
  /** The target gave up snapshots that the base has. */
  readonly targetWentBack: boolean
}

interface Heads {
  readonly base: readonly [TableMetadata, bigint | undefined]
  readonly target: readonly [TableMetadata, bigint | undefined]
  readonly source: readonly [TableMetadata, bigint | undefined]
}

/** How the sides of a branch went apart. Snapshots that a merge replayed count as those that they replay. */
export function partingOf(heads: Heads): Parting {
  const target = historyOf(...heads.target)
  const source = historyOf(...heads.source)
  const base = historyOf(...heads.base)
  const ofTarget = new Set(target.snapshots.map((snapshot) => snapshot['snapshot-id']))
  const expired = target.snapshots.at(-1)?.['parent-snapshot-id'] ?? undefined
  if (expired !== undefined) ofTarget.add(expired)
  const known = new Set([...base.origins, ...target.origins])
  const steps: Snapshot[] = []
  let meeting: bigint | null | undefined
  for (const snapshot of source.snapshots) {
    if (ofTarget.has(snapshot['snapshot-id'])) {
      meeting = snapshot['snapshot-id']
      break
    }
    if (!known.has(originOf(snapshot))) steps.push(snapshot)
    // The one before may have expired on this side only.
    const parent = snapshot['parent-snapshot-id'] ?? undefined
    if (parent !== undefined && ofTarget.has(parent)) {
      meeting = parent
      break
    }
  }
  const whole = meeting !== undefined || source.isWhole
  const parted = base.head?.['snapshot-id']
  if (!whole && parted !== undefined && ofTarget.has(parted)) meeting = parted
  const gaveUp = (side: History) => base.head !== undefined && side.isWhole && !side.origins.has(originOf(base.head))
  return {
    steps: steps.reverse(),
    meeting: meeting ?? null,
    seen: new Set(
      target.snapshots.filter((snapshot) => source.origins.has(originOf(snapshot))).map((item) => item['snapshot-id']),
    ),
    incomplete: !whole,
    sourceWentBack: gaveUp(source),
    targetWentBack: gaveUp(target),
  }
}

interface History {
  /** Newest first. */
  readonly snapshots: readonly Snapshot[]
  readonly origins: ReadonlySet<string>
  /** It goes back to the branch's first snapshot. */
  readonly isWhole: boolean
  readonly head: Snapshot | undefined
}

function historyOf(metadata: TableMetadata, head: bigint | undefined): History {
  const snapshots = [...ancestors(metadata, head)]
  return {
    snapshots,
    origins: new Set(snapshots.map(originOf)),
    isWhole: (snapshots.at(-1)?.['parent-snapshot-id'] ?? undefined) === undefined,
    head: snapshots[0],
  }
}
