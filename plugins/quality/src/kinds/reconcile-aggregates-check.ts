import { type CheckContext, type CheckKind, PhloError } from '@phlo/ports'
import { z } from 'zod'
import { standardSchema } from './common.js'
import {
  bothSides,
  countKeys,
  describeSource,
  isInexact,
  onOneSide,
  sideOf,
  sourceRelation,
  SourceRows,
  type Tolerance,
  toleranceOptions,
} from './reconciliation.js'

const Aggregate = z
  .strictObject({
    function: z.enum(['count', 'count_distinct', 'sum', 'avg', 'min', 'max']),
    /** Not needed for `count`, which then counts rows. */
    column: z.string().optional(),
    /** The source's name for the column. Default: the same. */
    sourceColumn: z.string().optional(),
    ...toleranceOptions,
  })
  .refine((aggregate) => aggregate.function === 'count' || aggregate.column !== undefined, {
    error: 'name a column',
  })
type Aggregate = z.infer<typeof Aggregate>

const Options = z.strictObject({
  source: SourceRows,
  aggregates: z.array(Aggregate).min(1),
  /** Compared group by group; a group that one side lacks is a mismatch. Default: all rows are one group. */
  groupBy: z.array(z.string()).default([]),
  /** For aggregates that have no tolerance of their own. */
  ...toleranceOptions,
})
type Options = z.infer<typeof Options>

/** Sums and other aggregates are those of another table or a SELECT, group by group. */
export const reconcileAggregatesCheck: CheckKind<Options> = {
  kind: 'reconcile_aggregates',
  options: standardSchema(Options),
  columns: ({ aggregates, groupBy }) => [...groupBy, ...aggregates.flatMap(({ column }) => column ?? [])],
  describe: ({ source, aggregates, groupBy }) =>
    `${aggregates.map(nameOf).join(', ')}${groupBy.length > 0 ? ` by ${groupBy.join(', ')}` : ''} as in ${describeSource(source)}`,
  compile: (options, context) => {
    const { dialect } = context
    const { aggregates, groupBy } = options
    const keys = groupBy.map((name) => dialect.identifier(name))
    const side = (relation: string, ofSource: boolean) => ({
      relation,
      keys,
      values: aggregates.map((aggregate) =>
        aggregateSql(aggregate, ofSource ? (aggregate.sourceColumn ?? aggregate.column) : aggregate.column, context),
      ),
    })
    const source = side(sourceRelation(options.source, dialect), true)
    const select = [
      ...aggregates.flatMap((aggregate, index) => [
        `max(t${index}) AS ${dialect.identifier(`target ${nameOf(aggregate)}`)}`,
        `max(s${index}) AS ${dialect.identifier(`source ${nameOf(aggregate)}`)}`,
      ]),
      sideOf('different'),
    ]
    const differs = aggregates.map((aggregate, index) =>
      differsSql(`max(t${index})`, `max(s${index})`, toleranceOf(aggregate, options, context), context),
    )
    const keep = [onOneSide, ...differs].join(' OR ')
    return {
      type: 'query',
      failingRows: (relation) =>
        bothSides(side(relation, false), source, { select, keep, aggregated: true }, groupBy, dialect),
      total: (relation) =>
        groupBy.length === 0 ? 'SELECT 1' : countKeys(side(relation, false), source, groupBy, dialect),
    }
  },
}

function nameOf({ function: name, column }: Aggregate): string {
  return column === undefined ? name : `${name} of ${column}`
}

function aggregateSql({ function: name }: Aggregate, column: string | undefined, { dialect }: CheckContext): string {
  const own = column === undefined ? '*' : dialect.identifier(column)
  return name === 'count_distinct' ? `count(DISTINCT ${own})` : `${name}(${own})`
}

/** Sums of fractions depend on the order in which they are read: the last digits say nothing. */
const lastDigits = 1e-9

function toleranceOf(aggregate: Aggregate, options: Options, context: CheckContext): Tolerance {
  const { tolerance, absoluteTolerance } = aggregate
  if (tolerance !== undefined || absoluteTolerance !== undefined) return { tolerance, absoluteTolerance }
  if (options.tolerance !== undefined || options.absoluteTolerance !== undefined) {
    return { tolerance: options.tolerance, absoluteTolerance: options.absoluteTolerance }
  }
  const { function: name, column } = aggregate
  return name === 'avg' || (name === 'sum' && isInexact(context, column)) ? { tolerance: lastDigits } : {}
}

/** NULL on one side differs from a value on the other. */
function differsSql(target: string, source: string, allowed: Tolerance, { dialect }: CheckContext): string {
  const { tolerance, absoluteTolerance } = allowed
  if (tolerance === undefined && absoluteTolerance === undefined) return `${target} IS DISTINCT FROM ${source}`
  const apart = `abs(CAST(${target} AS DOUBLE) - CAST(${source} AS DOUBLE))`
  const size = `abs(CAST(${source} AS DOUBLE))`
  const share = `(${size} = 0 OR ${apart} / NULLIF(${size}, 0) > ${literal(tolerance ?? 0, dialect)})`
  const further = [
    `${apart} > ${literal(absoluteTolerance ?? 0, dialect)}`,
    ...(tolerance === undefined ? [] : [share]),
  ]
  return `((${target} IS NULL) <> (${source} IS NULL) OR (${further.join(' AND ')}))`
}

function literal(value: number, dialect: CheckContext['dialect']): string {
  if (Number.isFinite(value)) return dialect.literal(value)
  throw new PhloError('PHLO_CHECK_INVALID', `A tolerance of ${value} is none`)
}
