import { none, type Suite, values } from './suite.js'

const others = (list: string, columns = 'v') => ({ others: values(list, columns) })
const source = 'contract.others'
const rows = (count: number) => `SELECT * FROM range(${count}) t(v)`

/** Kinds that hold a table against another one. */
export const reconciliationSuites: Readonly<Record<string, Suite>> = {
  reconcile_rows: {
    cases: [
      {
        title: 'passes as many rows',
        options: { source },
        rows: rows(2),
        others: { others: rows(2) },
        passed: true,
        failedCount: 0,
      },
      {
        title: 'counts the rows that are missing or too many',
        options: { source },
        rows: rows(90),
        others: { others: rows(100) },
        passed: false,
        failedCount: 10,
        observed: /^90 rows, 100 in the source$/,
      },
      {
        title: 'takes a SELECT for the source, a comment at its end included',
        options: { source: { sql: 'SELECT * FROM contract.others WHERE v < 3 -- the first ones' } },
        rows: rows(3),
        others: { others: rows(5) },
        passed: true,
        failedCount: 0,
      },
      {
        title: 'fails rows of which the source has none, whatever share is tolerated',
        options: { source, tolerance: 0.5 },
        rows: rows(1),
        others: { others: rows(0) },
        passed: false,
        failedCount: 1,
      },
      {
        title: 'does not mind more rows than at least are wanted',
        options: { source, mode: 'at_least' },
        rows: rows(3),
        others: { others: rows(2) },
        passed: true,
        failedCount: 0,
      },
    ],
    invalid: [{}, { source, tolerance: -1 }, { source, mode: 'most' }, { source: { sql: '' } }],
  },
  reconcile_aggregates: {
    cases: [
      {
        title: 'passes equal sums, counts and extremes',
        options: {
          source,
          aggregates: [
            { function: 'sum', column: 'v' },
            { function: 'count' },
            { function: 'max', column: 'v' },
            { function: 'count_distinct', column: 'v' },
            { function: 'avg', column: 'v' },
          ],
        },
        rows: values('(10), (20), (30)'),
        others: others('(30), (10), (20)'),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'is one mismatch where all rows are one group',
        options: {
          source,
          aggregates: [
            { function: 'sum', column: 'v' },
            { function: 'min', column: 'v' },
          ],
        },
        rows: values('(1), (2)'),
        others: others('(1), (3)'),
        passed: false,
        failedCount: 1,
      },
      {
        title: 'looks at groups, and takes one that a side lacks for a mismatch, NULL being a group',
        options: { source, aggregates: [{ function: 'sum', column: 'v', sourceColumn: 'w' }], groupBy: ['g'] },
        rows: values("('a', 1), ('a', 2), ('b', 1), ('c', 5), (NULL, 7)", 'g, v'),
        others: others("('a', 3), ('b', 2), ('d', 1), (NULL, 7)", 'g, w'),
        passed: false,
        failedCount: 3,
      },
      {
        title: 'tolerates a share to the last digit',
        options: { source, aggregates: [{ function: 'sum', column: 'v' }], tolerance: 0.29 },
        rows: values('(71)'),
        others: others('(100)'),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'has no mercy beyond it, nor of a source of zero',
        options: { source, aggregates: [{ function: 'sum', column: 'v' }], groupBy: ['g'], tolerance: 0.29 },
        rows: values("('a', 70), ('b', 1), ('c', 0)", 'g, v'),
        others: others("('a', 100), ('b', 0), ('c', 0)", 'g, v'),
        passed: false,
        failedCount: 2,
      },
      {
        title: 'tells no value from zero',
        options: { source, aggregates: [{ function: 'sum', column: 'v' }], absoluteTolerance: 5 },
        rows: none('INT'),
        others: others('(0)'),
        passed: false,
        failedCount: 1,
      },
      {
        title: 'does not look at the last digits of fractions',
        options: { source, aggregates: [{ function: 'sum', column: 'v' }] },
        rows: values('(0.1::DOUBLE), (0.2), (0.3)'),
        others: others('(0.3::DOUBLE), (0.2), (0.1)'),
        passed: true,
        failedCount: 0,
      },
    ],
    invalid: [{ source }, { source, aggregates: [] }, { source, aggregates: [{ function: 'sum' }] }],
  },
  reconcile_keys: {
    cases: [
      {
        title: 'passes the same keys, however often they are there',
        options: { source, columns: ['v'] },
        rows: values('(1), (2), (2), (NULL)'),
        others: others('(2), (1), (NULL)'),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'fails what is missing and what is extra',
        options: { source, columns: ['v'], sourceColumns: ['id'] },
        rows: values('(1), (4)'),
        others: others('(1), (2), (3)', 'id'),
        passed: false,
        failedCount: 3,
      },
      {
        title: 'looks at one side alone when told so',
        options: { source, columns: ['v'], problems: 'extra' },
        rows: values('(1), (4)'),
        others: others('(1), (2), (3)'),
        passed: false,
        failedCount: 1,
      },
      {
        title: 'tells keys of several columns',
        options: { source, columns: ['v', 'w'], problems: 'missing' },
        rows: values("(1, 'a'), (2, 'b')", 'v, w'),
        others: others("(1, 'b'), (2, 'b')", 'v, w'),
        passed: false,
        failedCount: 1,
      },
    ],
    invalid: [{ source }, { source, columns: [] }, { source, columns: ['v'], sourceColumns: ['a', 'b'] }],
  },
  reconcile_checksums: {
    cases: [
      {
        title: 'passes equal rows in any order, NULL included',
        options: { source, key: ['id'] },
        rows: values("(1, 'a', NULL), (2, 'b', 2)", 'id, v, w'),
        others: others("(2, 'b', 2), (1, 'a', NULL)", 'id, v, w'),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'fails rows that differ, that are missing and that are extra',
        options: { source, key: ['id'] },
        rows: values("(1, 'a'), (2, 'b'), (4, 'd')", 'id, v'),
        others: others("(1, 'a'), (2, 'x'), (3, 'c')", 'id, v'),
        passed: false,
        failedCount: 3,
      },
      {
        title: 'does not take values that run together for equal',
        options: { source, key: ['id'] },
        rows: values("(1, 'ab', 'c'), (2, NULL, '-'), (3, '', NULL)", 'id, v, w'),
        others: others("(1, 'a', 'bc'), (2, '-', NULL), (3, NULL, '')", 'id, v, w'),
        passed: false,
        failedCount: 3,
      },
      {
        title: 'sees that a row is there twice',
        options: { source, key: ['id'] },
        rows: values("(1, 'a'), (1, 'a')", 'id, v'),
        others: others("(1, 'a')", 'id, v'),
        passed: false,
        failedCount: 1,
      },
      {
        title: 'compares the columns that are named',
        options: { source, key: ['id'], columns: ['v'] },
        rows: values("(1, 'a', 1)", 'id, v, w'),
        others: others("(1, 'a', 2)", 'id, v, w'),
        passed: true,
        failedCount: 0,
      },
    ],
    invalid: [{ source }, { source, key: [] }],
  },
}
