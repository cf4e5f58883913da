import type { CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { columnList, standardSchema } from './common.js'
import {
  bothSides,
  countKeys,
  describeSource,
  onOneSide,
  sideOf,
  sourceRelation,
  SourceRows,
} from './reconciliation.js'

const Options = z
  .strictObject({
    source: SourceRows,
    columns: z.array(z.string()).min(1),
    /** The source's names for them. Default: the same. */
    sourceColumns: z.array(z.string()).min(1).optional(),
    /** `missing`: what the source has and the table lacks. `extra`: what only the table has. Default: both. */
    problems: z.enum(['missing', 'extra', 'both']).default('both'),
  })
  .refine(({ columns, sourceColumns }) => sourceColumns === undefined || sourceColumns.length === columns.length, {
    error: 'name as many columns of the source',
  })
type Options = z.infer<typeof Options>

/** The same keys as another table or a SELECT has. How often each is there does not matter. */
export const reconcileKeysCheck: CheckKind<Options> = {
  kind: 'reconcile_keys',
  options: standardSchema(Options),
  columns: ({ columns }) => columns,
  describe: ({ columns, source }) => `the same ${columnList(columns)} as ${describeSource(source)}`,
  compile: ({ source, columns, sourceColumns, problems }, { dialect }) => {
    const named = (names: readonly string[]) => names.map((name) => dialect.identifier(name))
    const target = (relation: string) => ({ relation, keys: named(columns), values: [] })
    const other = { relation: sourceRelation(source, dialect), keys: named(sourceColumns ?? columns), values: [] }
    const keep = { missing: 'max(in_target) = 0', extra: 'max(in_source) = 0', both: onOneSide }[problems]
    return {
      type: 'query',
      failingRows: (relation) =>
        bothSides(target(relation), other, { select: [sideOf('both')], keep, aggregated: false }, columns, dialect),
      total: (relation) => countKeys(target(relation), other, columns, dialect),
    }
  },
}
