import type { ManifestFile } from '../manifest/data-file.js'
import type { FileStatistics } from '../manifest/file-statistics.js'
import { and, type BoundExpression, type BoundPredicate, or } from './expression.js'
import type { BoundPartitionField } from '../partition/partition-spec.js'
import { projectFilter, projectStrictly } from './projection.js'
import { ColumnRange, manifestMayMatch, partitionMayMatch, partitionMustMatch } from './pruning.js'
import type { Value } from '../types/value.js'
import { mayMatch, mustMatch } from './value-range.js'

type Partition = readonly (Value | null)[]

interface Projected {
  readonly inclusive: BoundExpression
  readonly strict: BoundExpression
}

/** A filter on rows, made ready for the manifests and files of one partition spec. */
export class SpecFilter {
  private readonly filter: BoundExpression
  private readonly projected: BoundExpression
  private readonly readsPartition: boolean
  private readonly predicates = new Map<BoundPredicate, Projected>()

  constructor(filter: BoundExpression, spec: readonly BoundPartitionField[]) {
    this.filter = filter
    this.projected = projectFilter(filter, spec)
    const visit = (node: BoundExpression): void => {
      if ('left' in node) {
        visit(node.left)
        visit(node.right)
      } else if ('fieldId' in node)
        this.predicates.set(node, { inclusive: projectFilter(node, spec), strict: projectStrictly(node, spec) })
    }
    visit(filter)
    this.readsPartition = [...this.predicates.values()].some(
      ({ inclusive, strict }) => inclusive.op !== 'true' || strict.op !== 'false',
    )
  }

  /** May the manifest list a file with a wanted row? "No" is certain. */
  mayHold(manifest: ManifestFile): boolean {
    return manifestMayMatch(this.projected, manifest.partitions)
  }

  /** May the partition hold a wanted row? "No" is certain. */
  partitionMayMatch(partition: Partition): boolean {
    return partitionMayMatch(this.projected, partition)
  }

  /**
   * What is left of the filter for the rows of a file: `true` when every row certainly meets it, `false` when none does.
   * Goes by the file's partition and statistics. Spec: "Scan Planning", residuals.
   */
  residual(file: FileStatistics & { readonly partition: Partition }): BoundExpression {
    if (file.recordCount === 0) return { op: 'false' }
    return this.reduce(this.filter, file, this.readsPartition ? file.partition : [])
  }

  private reduce(node: BoundExpression, file: FileStatistics, partition: Partition): BoundExpression {
    if ('left' in node) {
      const left = this.reduce(node.left, file, partition)
      if (left.op === (node.op === 'and' ? 'false' : 'true')) return left
      const right = this.reduce(node.right, file, partition)
      if (left === node.left && right === node.right) return node
      return node.op === 'and' ? and(left, right) : or(left, right)
    }
    if (!('fieldId' in node)) return node
    const { inclusive, strict } = this.predicates.get(node) as Projected
    if (!partitionMayMatch(inclusive, partition)) return { op: 'false' }
    if (partitionMustMatch(strict, partition)) return { op: 'true' }
    const range = new ColumnRange(node, file)
    if (!mayMatch(node, range)) return { op: 'false' }
    return mustMatch(node, range) ? { op: 'true' } : node
  }
}
