import type { IcebergSchema } from '@phlo/ports'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { lowerBound, upperBound } from '../types/bounds.js'
import { type DataFile, entryStatus, fileContent } from '../manifest/data-file.js'
import { bindExpression, type BoundExpression, type ComparisonOp, type Expression } from './expression.js'
import { statisticsOf } from '../manifest/file-statistics.js'
import { summarizePartitions } from '../manifest/manifest-list.js'
import { type BoundPartitionField, bindSpec } from '../partition/partition-spec.js'
import { projectFilter } from './projection.js'
import { fileMayMatch, fileMustMatch, manifestMayMatch, partitionMayMatch } from './pruning.js'
import { SpecFilter } from './residual.js'
import { primitives, valuesOf } from '../testing/arbitraries.js'
import { type Cell, meets as rowMeets } from '../testing/meets.js'
import { applyTransform, parseTransform, resultType } from '../partition/transform.js'
import { formatPrimitive, parsePrimitive, type Primitive } from '../types/primitive.js'
import { compareValues, formatValue, type Value } from '../types/value.js'

const meets = (filter: BoundExpression, cell: Cell) => rowMeets(filter, () => cell)

function filtersOf(type: Primitive, values: fc.Arbitrary<Value>): fc.Arbitrary<Expression> {
  const input = values.map((value) => (type.kind === 'boolean' ? (value as boolean) : formatValue(type, value)))
  const column = 'v'
  return fc.letrec<{ node: Expression }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.record({
        op: fc.constantFrom<ComparisonOp>('lt', 'lte', 'gt', 'gte', 'eq', 'neq'),
        column: fc.constant(column),
        value: input,
      }),
      fc.record({ op: fc.constantFrom('is-null' as const, 'not-null' as const), column: fc.constant(column) }),
      ...(type.kind === 'float' || type.kind === 'double'
        ? [fc.record({ op: fc.constantFrom('is-nan' as const, 'not-nan' as const), column: fc.constant(column) })]
        : []),
      ...(type.kind === 'string'
        ? [
            fc.record({
              op: fc.constantFrom('starts-with' as const, 'not-starts-with' as const),
              column: fc.constant(column),
              value: fc
                .tuple(values, fc.nat({ max: 5 }))
                .map(([text, length]) => [...(text as string)].slice(0, length).join('')),
            }),
          ]
        : []),
      fc.record({
        op: fc.constantFrom('in' as const, 'not-in' as const),
        column: fc.constant(column),
        values: fc.array(input, { maxLength: 3 }),
      }),
      fc.record({ op: fc.constantFrom('and' as const, 'or' as const), left: tie('node'), right: tie('node') }),
      fc.record({ op: fc.constant('not' as const), child: tie('node') }),
    ),
  })).node
}

function schemaOf(type: Primitive): IcebergSchema {
  const id = { id: 1, name: 'id', required: true, type: 'int' }
  return {
    type: 'struct',
    'schema-id': 0,
    fields: [id, { id: 2, name: 'v', required: false, type: formatPrimitive(type) }],
  }
}

/** A data file with the statistics that a writer gives it; `known` leaves some of them out. */
function fileOf(
  type: Primitive,
  cells: readonly Cell[],
  partition: readonly Cell[],
  known: ReadonlySet<string>,
): DataFile {
  const ordered = cells
    .filter((cell): cell is Value => cell !== null && !Number.isNaN(cell))
    .sort((a, b) => compareValues(a, b))
  const [lowest, highest] = [ordered[0], ordered.at(-1)]
  const lower = lowest === undefined ? undefined : lowerBound(type, lowest)
  const upper = highest === undefined ? undefined : upperBound(type, highest)
  const nans = cells.filter((cell) => Number.isNaN(cell)).length
  return {
    content: fileContent.data,
    specId: 0,
    path: 'file',
    format: 'PARQUET',
    partition,
    recordCount: cells.length,
    fileSize: 1,
    ...(known.has('values') && { valueCounts: new Map([[2, cells.length]]) }),
    ...(known.has('nulls') && { nullCounts: new Map([[2, cells.filter((cell) => cell === null).length]]) }),
    ...(known.has('nans') && { nanCounts: new Map([[2, nans]]) }),
    ...(known.has('bounds') && lower && { lowerBounds: new Map([[2, lower]]) }),
    ...(known.has('bounds') && upper && { upperBounds: new Map([[2, upper]]) }),
  }
}

/** What pruning looks at. */
const glanceOf = (file: DataFile) => ({ ...statisticsOf(file), partition: file.partition })

const transforms = ['identity', 'void', 'year', 'month', 'day', 'hour', 'bucket[3]', 'truncate[3]', 'truncate[1]']
const specs = primitives.flatMap((type) =>
  transforms
    .filter((transform) => {
      try {
        resultType(parseTransform(transform), type)
        return true
      } catch {
        return false
      }
    })
    .map((transform) => [transform, type] as const),
)

function boundSpec(transform: string, type: Primitive): BoundPartitionField[] {
  const field = { 'source-id': 2, 'field-id': 1000, name: 'v_part', transform }
  return bindSpec({ 'spec-id': 0, fields: [field] }, schemaOf(type))
}

function staysInRange(transform: string, type: Primitive, value: Value): boolean {
  const truncated = applyTransform(parseTransform(transform), type, value)
  if (type.kind === 'int') return (truncated as number) >= -(2 ** 31)
  return type.kind !== 'long' || (truncated as bigint) >= -(2n ** 63n)
}

describe('pruning', () => {
  const known = fc.subarray(['values', 'nulls', 'nans', 'bounds', 'summary']).map((list) => new Set(list))

  it.each(specs.map(([transform, type]) => [transform, formatPrimitive(type)]))(
    'by %s of %s never drops a row that is wanted, nor keeps one that is not',
    (transform, typeText) => {
      const type = parsePrimitive(typeText)
      const spec = boundSpec(transform, type)
      // Just above the least integer, truncation leaves the type's range; what a table holds then is nobody's word.
      const values = valuesOf(type).filter(
        (value) => !transform.startsWith('truncate') || staysInRange(transform, type, value),
      )
      const cells = fc.array(fc.option(values), { minLength: 1, maxLength: 6 })
      // Filters ask for values that are there as often as for others.
      const cases = cells.chain((list) => {
        const present = list.filter((cell) => cell !== null)
        const asked = present.length > 0 ? fc.oneof(values, fc.constantFrom(...present)) : values
        return fc.tuple(fc.constant(list), filtersOf(type, asked), known)
      })
      fc.assert(
        fc.property(cases, ([list, expression, statistics]) => {
          const filter = bindExpression(expression, schemaOf(type))
          const projected = projectFilter(filter, spec)
          const groups = new Map<string, { partition: Cell[]; cells: Cell[] }>()
          for (const cell of list) {
            const partition = [applyTransform(spec[0]!.transform, type, cell)]
            const key = partition
              .map((value) => (value === null ? 'null' : `=${formatValue(spec[0]!.type, value)}`))
              .join()
            const group = groups.get(key) ?? { partition, cells: [] }
            group.cells.push(cell)
            groups.set(key, group)
          }
          const files = [...groups.values()].map((group) => fileOf(type, group.cells, group.partition, statistics))
          const summaries = summarizePartitions(
            files.map((file) => ({ file, status: entryStatus.added })),
            spec,
          )
          const manifest = manifestMayMatch(projected, statistics.has('summary') ? summaries : undefined)
          const kept = [...groups.values()].map((_group, index) => {
            const file = files[index]!
            return manifest && partitionMayMatch(projected, file.partition) && fileMayMatch(filter, statisticsOf(file))
          })
          const wanted = [...groups.values()].map((group) => group.cells.some((cell) => meets(filter, cell)))
          expect(wanted.filter((is, index) => is && !kept[index])).toEqual([])
          // What is left of the filter says the same of every row, and all of them are wanted where a file must match.
          const specFilter = new SpecFilter(filter, spec)
          for (const [index, group] of [...groups.values()].entries()) {
            const residual = specFilter.residual(glanceOf(files[index]!))
            const same = group.cells.map((cell) => meets(residual, cell) === meets(filter, cell))
            expect(same).toEqual(group.cells.map(() => true))
            if (fileMustMatch(filter, statisticsOf(files[index]!)))
              expect(group.cells.every((cell) => meets(filter, cell))).toBe(true)
          }
        }),
        { numRuns: 150 },
      )
    },
  )

  it('drops what certainly holds no wanted row', () => {
    const type = parsePrimitive('int')
    const all = new Set(['values', 'nulls', 'nans', 'bounds'])
    const keeps = (expression: Expression, cells: readonly Cell[]) =>
      fileMayMatch(bindExpression(expression, schemaOf(type)), statisticsOf(fileOf(type, cells, [], all)))
    const v = { column: 'v' } as const
    expect({
      below: keeps({ ...v, op: 'lt', value: 5 }, [5, 9]),
      atMost: keeps({ ...v, op: 'lte', value: 4 }, [5, 9]),
      above: keeps({ ...v, op: 'gt', value: 9 }, [5, 9]),
      atLeast: keeps({ ...v, op: 'gte', value: 10 }, [5, 9]),
      equal: keeps({ ...v, op: 'eq', value: 4 }, [5, 9]),
      among: keeps({ ...v, op: 'in', values: [4, 10] }, [5, 9]),
      amongNone: keeps({ ...v, op: 'in', values: [] }, [5, 9]),
      isNull: keeps({ ...v, op: 'is-null' }, [5, 9]),
      notNull: keeps({ ...v, op: 'not-null' }, [null, null]),
      unequalToNull: keeps({ ...v, op: 'neq', value: 4 }, [null]),
      notNegated: keeps({ op: 'not', child: { ...v, op: 'gte', value: 5 } }, [5, 9]),
      both: keeps({ op: 'and', left: { ...v, op: 'gt', value: 9 }, right: { op: 'true' } }, [5, 9]),
      empty: keeps({ op: 'true' }, []),
    }).toEqual(
      Object.fromEntries(
        [
          'below',
          'atMost',
          'above',
          'atLeast',
          'equal',
          'among',
          'amongNone',
          'isNull',
          'notNull',
          'unequalToNull',
          'notNegated',
          'both',
          'empty',
        ].map((name) => [name, false]),
      ),
    )
  })

  it.each<[string, Expression, readonly Cell[], boolean]>([
    ['above its bounds', { op: 'lt', column: 'v', value: 10 }, [5, 9], true],
    ['at the upper bound', { op: 'lt', column: 'v', value: 9 }, [5, 9], false],
    ['at the upper bound, inclusive', { op: 'lte', column: 'v', value: 9 }, [5, 9], true],
    ['below its bounds', { op: 'gt', column: 'v', value: 4 }, [5, 9], true],
    ['at the lower bound, inclusive', { op: 'gte', column: 'v', value: 5 }, [5, 9], true],
    ['the only value', { op: 'eq', column: 'v', value: 5 }, [5, 5], true],
    ['among values', { op: 'in', column: 'v', values: [4, 5] }, [5], true],
    ['one of two values', { op: 'eq', column: 'v', value: 5 }, [5, 9], false],
    ['no value', { op: 'neq', column: 'v', value: 10 }, [5, 9], true],
    ['among no values', { op: 'not-in', column: 'v', values: [4, 10] }, [5, 9], true],
    ['NULL', { op: 'is-null', column: 'v' }, [null, null], true],
    ['NULL, of some', { op: 'is-null', column: 'v' }, [null, 1], false],
    ['no NULL', { op: 'not-null', column: 'v' }, [1], true],
    ['all but NULL', { op: 'lt', column: 'v', value: 10 }, [5, null], false],
    ['both', { op: 'and', left: { op: 'true' }, right: { op: 'eq', column: 'v', value: 5 } }, [5], true],
    ['one or the other', { op: 'or', left: { op: 'false' }, right: { op: 'eq', column: 'v', value: 5 } }, [5], true],
    ['nothing of no rows', { op: 'false' }, [], true],
  ])('knows whether all rows of a file meet %s', (_what, expression, cells, expected) => {
    const type = parsePrimitive('int')
    const file = fileOf(type, cells, [], new Set(['values', 'nulls', 'nans', 'bounds']))
    expect(fileMustMatch(bindExpression(expression, schemaOf(type)), statisticsOf(file))).toBe(expected)
  })

  it('leaves of a filter what the partition and the statistics do not answer', () => {
    const type = parsePrimitive('string')
    const spec = boundSpec('truncate[3]', type)
    const file = fileOf(type, ['abcd', 'abce'], ['abc'], new Set(['values', 'nulls', 'bounds']))
    const residual = (expression: Expression) =>
      new SpecFilter(bindExpression(expression, schemaOf(type)), spec).residual(glanceOf(file))
    const prefix = (value: string): Expression => ({ op: 'starts-with', column: 'v', value })
    const open = bindExpression(prefix('abcd'), schemaOf(type))
    expect([
      residual(prefix('ab')),
      residual(prefix('abd')),
      residual(prefix('abcd')),
      residual({ op: 'and', left: prefix('a'), right: prefix('abcd') }),
      residual({ op: 'or', left: prefix('a'), right: prefix('abcd') }),
      residual({ op: 'not', child: prefix('b') }),
      residual({ op: 'lt', column: 'v', value: 'abe' }),
      residual({ op: 'is-null', column: 'v' }),
    ]).toEqual([
      { op: 'true' },
      { op: 'false' },
      open,
      open,
      { op: 'true' },
      { op: 'true' },
      { op: 'true' },
      { op: 'false' },
    ])
  })

  it('reads partitions from before 1970 that old writers numbered one too high', () => {
    const type = parsePrimitive('timestamp')
    const spec = boundSpec('day', type)
    const noon = '1969-12-30T12:00:00'
    const kept = (expression: Expression, day: number) =>
      partitionMayMatch(projectFilter(bindExpression(expression, schemaOf(type)), spec), [day])
    const day = { column: 'v', value: noon } as const
    expect([-3, -2, -1, 0].map((partition) => kept({ op: 'eq', ...day }, partition))).toEqual([
      false,
      true,
      true,
      false,
    ])
    expect([-1, 0].map((partition) => kept({ op: 'lt', ...day }, partition))).toEqual([true, false])
    const file = { ...fileOf(type, [], [-1], new Set()), recordCount: 1 }
    const filter = bindExpression({ op: 'gt', ...day }, schemaOf(type))
    expect(new SpecFilter(filter, spec).residual(glanceOf(file))).toBe(filter)
    expect(new SpecFilter(filter, spec).residual(glanceOf({ ...file, partition: [0] }))).toEqual({ op: 'true' })
  })

  it('takes NaN for a number above all others', () => {
    const type = parsePrimitive('double')
    const file = fileOf(type, [1, 2, NaN], [], new Set(['values', 'nulls', 'bounds']))
    const keeps = (op: ComparisonOp, value: string) =>
      fileMayMatch(bindExpression({ op, column: 'v', value }, schemaOf(type)), statisticsOf(file))
    expect([keeps('gt', '5'), keeps('eq', 'NaN'), keeps('lt', 'NaN'), keeps('lte', 'NaN')]).toEqual([
      true,
      true,
      true,
      true,
    ])
    const without = { ...file, nanCounts: new Map([[2, 0]]) }
    const filter = bindExpression({ op: 'gt', column: 'v', value: 5 }, schemaOf(type))
    expect(fileMayMatch(filter, statisticsOf(without))).toBe(false)
  })

  it('ignores a bound that is NaN, as old writers left it', () => {
    const bound = new Map([[2, lowerBound({ kind: 'double' }, NaN)]])
    const file = { ...fileOf({ kind: 'double' }, [1], [], new Set()), lowerBounds: bound, upperBounds: bound }
    const filter = bindExpression({ op: 'eq', column: 'v', value: 1 }, schemaOf({ kind: 'double' }))
    expect(fileMayMatch(filter, statisticsOf(file))).toBe(true)
  })
})

describe('filters', () => {
  const schema = schemaOf({ kind: 'int' })

  it.each<[string, Expression]>([
    ['an unknown column', { op: 'is-null', column: 'none' }],
    ['a value of another type', { op: 'eq', column: 'v', value: 'x' }],
    ['a fraction for an integer', { op: 'lt', column: 'v', value: 1.5 }],
    ['a value too large', { op: 'in', column: 'v', values: [1, 2 ** 31] }],
    ['a prefix of an integer', { op: 'starts-with', column: 'v', value: '1' }],
    ['NaN of an integer', { op: 'is-nan', column: 'v' }],
  ])('with %s do not bind', (_name, expression) => {
    expect(() => bindExpression(expression, schema)).toThrow(expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' }))
  })

  it('find nested columns by their dotted name', () => {
    const nested: IcebergSchema = {
      type: 'struct',
      'schema-id': 0,
      fields: [
        {
          id: 1,
          name: 'a',
          required: false,
          type: { type: 'struct', fields: [{ id: 2, name: 'b', required: false, type: 'long' }] },
        },
      ],
    }
    expect(bindExpression({ op: 'eq', column: 'a.b', value: 5 }, nested)).toEqual({
      op: 'eq',
      fieldId: 2,
      type: { kind: 'long' },
      value: 5n,
    })
    expect(() => bindExpression({ op: 'is-null', column: 'a' }, nested)).toThrow()
  })

  it('find columns in any case where that is wanted', () => {
    const type = { type: 'struct' as const, fields: [{ id: 5, name: 'Inner', required: false, type: 'long' }] }
    const mixed = { ...schema, fields: [...schema.fields, { id: 4, name: 'V', required: false, type }] }
    const find = (column: string) =>
      bindExpression({ op: 'is-null', column }, mixed, { caseSensitive: false }) as { fieldId: number }
    expect([find('ID').fieldId, find('v.INNER').fieldId]).toEqual([1, 5])
    expect(() => find('v')).toThrow(expect.objectContaining({ code: 'PHLO_ICEBERG_INVALID' }))
    expect(() => bindExpression({ op: 'is-null', column: 'ID' }, mixed)).toThrow()
  })

  it('mean the same after negations were pushed down', () => {
    const values = valuesOf({ kind: 'int' })
    fc.assert(
      fc.property(filtersOf({ kind: 'int' }, values), fc.option(values), (expression, cell) => {
        const twice = bindExpression({ op: 'not', child: { op: 'not', child: expression } }, schema)
        expect(meets(twice, cell)).toBe(meets(bindExpression(expression, schema), cell))
        if (cell !== null && !JSON.stringify(expression).includes('null')) {
          const not = bindExpression({ op: 'not', child: expression }, schema)
          expect(meets(not, cell)).toBe(!meets(bindExpression(expression, schema), cell))
        }
      }),
    )
  })
})
