import { PhloError, type TableMetadata } from '@phlo/ports'
import { fileContent } from '../manifest/data-file.js'
import { statisticsOf } from '../manifest/file-statistics.js'
import { currentSchema } from '../metadata/metadata.js'
import type { BoundPartitionField } from '../partition/partition-spec.js'
import { bindExpression, type Expression } from '../scan/expression.js'
import { SpecFilter } from '../scan/residual.js'
import type { FileRemoval } from './snapshot-change.js'

/**
 * The files of which every row meets the filter, by their partitions and statistics alone. Removing them throws
 * PHLO_UNSUPPORTED for a data file with a row that may meet it and one that may not: that has to be written anew.
 */
export function rowsMatching(metadata: TableMetadata, filter: Expression): FileRemoval {
  const bound = bindExpression(filter, currentSchema(metadata))
  const ofSpecs = new Map<readonly BoundPartitionField[], SpecFilter>()
  const of = (spec: readonly BoundPartitionField[]): SpecFilter => {
    let specFilter = ofSpecs.get(spec)
    if (!specFilter) ofSpecs.set(spec, (specFilter = new SpecFilter(bound, spec)))
    return specFilter
  }
  return {
    mayHold: (manifest, spec) => of(spec).mayHold(manifest),
    matches: (file, spec) => {
      const { op } = of(spec).residual({ ...statisticsOf(file), partition: file.partition })
      if (op === 'true' || op === 'false') return op === 'true'
      // Deletes of a part of the rows stay for the others.
      if (file.content !== fileContent.data) return false
      throw new PhloError('PHLO_UNSUPPORTED', `Some rows of ${file.path}, but perhaps not all, meet the filter`, {
        hint: 'Write the file anew without them and replace it, or delete them by position.',
        context: { file: file.path },
      })
    },
  }
}
