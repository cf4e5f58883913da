import { PhloError, type TableRequirement, type TableUpdate } from '@phlo/ports'

/**
 * Why two states of a table cannot be merged by meaning.
 *
 * - `unrelated`: they are not states of one table.
 * - `schema`, `partition-spec`, `sort-order`, `properties`, `location`, `format-version`, `encryption`, `ref`: both sides
 *   changed that, and differently.
 * - `rows`: both sides changed the same rows, files or partitions.
 * - `keys`: both sides added rows that may have the same key.
 * - `row-lineage`: rows of the source carry ids that the target may have given out, too.
 * - `history`: one side went back, or has lost the snapshots that would tell what it did.
 */
export type MergeConflictKind =
  | 'unrelated'
  | 'schema'
  | 'partition-spec'
  | 'sort-order'
  | 'properties'
  | 'location'
  | 'format-version'
  | 'encryption'
  | 'ref'
  | 'rows'
  | 'keys'
  | 'row-lineage'
  | 'history'

/** A snapshot of the source and the one that does the same on the target; they are equal where it could be taken over. */
export interface ReplayedSnapshot {
  readonly branch: string
  readonly source: bigint
  readonly target: bigint
}

/** What became of the merge of one table. */
export type TableMerge =
  /** The source has nothing that the target lacks. */
  | { readonly outcome: 'same' }
  | {
      readonly outcome: 'rebased'
      /** Hold as long as nobody changes what the merge looked at. */
      readonly requirements: readonly TableRequirement[]
      /** To be applied to the target. */
      readonly updates: readonly TableUpdate[]
      readonly replayed: readonly ReplayedSnapshot[]
      /** Deletes the metadata files that were written. For a merge that certainly is not committed, as a dry run. */
      readonly discard: () => Promise<void>
    }
  | {
      readonly outcome: 'conflict'
      readonly kind: MergeConflictKind
      readonly reason: string
      /** What it is about: files, columns, property names, refs. */
      readonly context: Readonly<Record<string, unknown>>
    }

/** Both sides did something that cannot stand together. `context.kind` is a {@link MergeConflictKind}. */
export function mergeConflict(
  kind: MergeConflictKind,
  reason: string,
  context: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): PhloError {
  return new PhloError('PHLO_MERGE_CONFLICT', reason, {
    context: { ...context, kind },
    ...(cause !== undefined && { cause }),
  })
}

/** The value that one side changed, or both to the same; `differs` when they changed it to different ones. */
export function threeWay<T>(
  sides: { readonly base: T; readonly target: T; readonly source: T },
  same: (a: T, b: T) => boolean,
  differs: () => never,
): T {
  const { base, target, source } = sides
  if (same(source, base) || same(source, target)) return target
  return same(target, base) ? source : differs()
}
