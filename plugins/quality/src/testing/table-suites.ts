import { none, type Suite, values } from './suite.js'

const past = (...figures: readonly number[]) => figures.map((rows) => ({ rows }))

/** Kinds that look at whole tables and their past. */
export const tableSuites: Readonly<Record<string, Suite>> = {
  duplicates: {
    cases: [
      { title: 'passes without doubles', options: {}, rows: values('(1), (2)'), passed: true, failedCount: 0 },
      {
        title: 'fails all but one of a group, NULL among them',
        options: {},
        rows: values('(1, NULL), (1, NULL), (1, NULL), (NULL, NULL), (NULL, NULL), (2, 1)', 'v, w'),
        passed: false,
        failedCount: 3,
      },
      {
        title: 'looks at some columns',
        options: { columns: ['v'] },
        rows: values('(1, 1), (1, 2), (NULL, 3), (NULL, 4)', 'v, w'),
        passed: false,
        failedCount: 2,
      },
      { title: 'passes an empty table', options: {}, rows: none('INT'), passed: true, failedCount: 0 },
    ],
    invalid: [{ columns: [] }, { columns: 'v' }],
  },
  column_pair: {
    cases: [
      {
        title: 'passes what is in order, equals included, and NULL',
        options: { column: 'v', relation: '<=', other: 'w' },
        rows: values('(1, 2), (2, 2), (NULL, 1), (3, NULL)', 'v, w'),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'fails what is not',
        options: { column: 'v', relation: '<', other: 'w' },
        rows: values('(1, 2), (2, 2), (3, 2)', 'v, w'),
        passed: false,
        failedCount: 2,
      },
      {
        title: 'tells what must differ',
        options: { column: 'v', relation: '!=', other: 'w' },
        rows: values("('a', 'a'), ('a', 'b')", 'v, w'),
        passed: false,
        failedCount: 1,
      },
      {
        title: 'wants both or neither',
        options: { column: 'v', relation: 'together', other: 'w' },
        rows: values('(1, 2), (NULL, NULL), (NULL, 1), (3, NULL)', 'v, w'),
        passed: false,
        failedCount: 2,
      },
    ],
    invalid: [
      { column: 'v', other: 'w' },
      { column: 'v', relation: 'like', other: 'w' },
    ],
  },
  outliers: {
    cases: [
      {
        title: 'fails what is far from the mean, and no NULL',
        options: { column: 'v', zScore: 2 },
        rows: values('(1), (2), (1), (2), (1), (2), (1), (2), (NULL), (100)'),
        passed: false,
        failedCount: 1,
      },
      {
        title: 'passes what is within',
        options: { column: 'v' },
        rows: values('(1), (2), (1), (2), (1), (2), (1), (2), (100)'),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'passes equal values',
        options: { column: 'v' },
        rows: values('(1), (1)'),
        passed: true,
        failedCount: 0,
      },
      { title: 'passes an empty table', options: { column: 'v' }, rows: none('INT'), passed: true, failedCount: 0 },
    ],
    invalid: [{}, { column: 'v', zScore: 0 }],
  },
  schema: {
    cases: [
      {
        title: 'passes the columns and types that are wanted, others beside them',
        options: { columns: { v: 'int', w: 'any' } },
        rows: "SELECT 1 AS v, 'a' AS w, TRUE AS x",
        passed: true,
        failedCount: 0,
      },
      {
        title: 'names what is missing and what is of another type',
        options: { columns: { v: 'long', y: 'string' } },
        rows: 'SELECT 1 AS v',
        passed: false,
        failedCount: 2,
        observed: /^v is int, not long; y is missing$/,
      },
      {
        title: 'names what is too much, when it is to be exact, and another order',
        options: { columns: { w: 'string', v: 'int' }, exact: true, ordered: true },
        rows: "SELECT 1 AS v, 'a' AS w, DATE '2024-01-01' AS x",
        passed: false,
        failedCount: 2,
        observed: /^x is unexpected; the order is v, w$/,
      },
      {
        title: 'writes decimals in any way',
        options: { columns: { v: 'decimal(12,2)' } },
        rows: 'SELECT 1::DECIMAL(12, 2) AS v',
        passed: true,
        failedCount: 0,
      },
    ],
    invalid: [{}, { columns: {} }, { columns: ['v'] }],
  },
  volume: {
    cases: [
      {
        title: 'passes while there is too little past',
        options: {},
        rows: values('(1)'),
        history: past(100, 100, 100, 100),
        passed: true,
        failedCount: 0,
        observed: /^rows 1 \(4 of 5 earlier values yet\)$/,
      },
      {
        title: 'passes what is within three deviations',
        options: {},
        rows: 'SELECT * FROM range(112) t(v)',
        // Mean 100, sample deviation 5: 85 to 115.
        history: past(95, 105, 95, 105, 95, 105, 95, 105, 100),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'fails what is beyond them',
        options: {},
        rows: 'SELECT * FROM range(120) t(v)',
        history: past(95, 105, 95, 105, 95, 105, 95, 105, 100),
        passed: false,
        failedCount: 1,
        observed: /^rows 120, out of line with 85 to 115$/,
      },
      {
        title: 'fails any change of what never changed, unless it is tolerated',
        options: {},
        rows: 'SELECT * FROM range(11) t(v)',
        history: past(10, 10, 10, 10, 10),
        passed: false,
        failedCount: 1,
      },
      {
        title: 'tolerates a share',
        options: { tolerance: 0.1 },
        rows: 'SELECT * FROM range(11) t(v)',
        history: past(10, 10, 10, 10, 10),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'takes quantiles of the past',
        options: { quantiles: { low: 0.25, high: 0.75 } },
        rows: 'SELECT * FROM range(8) t(v)',
        // Quartiles 2 and 4: -1 to 7.
        history: past(1, 2, 3, 4, 5),
        passed: false,
        failedCount: 1,
        observed: /^rows 8, out of line with -1 to 7$/,
      },
      {
        title: 'looks at the newest values alone',
        options: { maxHistory: 5, minHistory: 5 },
        rows: 'SELECT * FROM range(10) t(v)',
        history: past(10, 10, 10, 10, 10, 5000, 1),
        passed: true,
        failedCount: 0,
        observed: /expected 10 to 10$/,
      },
    ],
    invalid: [{ zScore: -1 }, { quantiles: { low: 0.9, high: 0.1 } }, { minHistory: 1 }],
  },
  distribution: {
    cases: [
      {
        title: 'passes a mean and a share of NULL like those of the past',
        options: { column: 'v', statistics: ['mean', 'nulls'], minHistory: 2 },
        rows: values('(1), (2), (3), (NULL)'),
        history: [
          { mean: 2.5, nulls: 0.2 },
          { mean: 1.5, nulls: 0.3 },
        ],
        passed: true,
        failedCount: 0,
        observed: /^mean 2, expected .*; nulls 0\.25, expected/,
      },
      {
        title: 'fails each figure that is out of line',
        options: { column: 'v', statistics: ['min', 'max', 'deviation'], minHistory: 2 },
        rows: values('(1), (5)'),
        history: [
          { min: 3, max: 5, deviation: 7 },
          { min: 3, max: 5, deviation: 7.5 },
        ],
        passed: false,
        failedCount: 2,
      },
      {
        title: 'fails what has no value',
        options: { column: 'v', statistics: ['mean'] },
        rows: none('INT'),
        passed: false,
        failedCount: 1,
        observed: /^mean: there is no value$/,
      },
      {
        title: 'estimates quantiles and distinct values',
        options: { column: 'v', statistics: ['p25', 'median', 'p95', 'distinct'], minHistory: 2, tolerance: 0.25 },
        rows: 'SELECT range % 1000 AS v FROM range(10000)',
        history: [
          { p25: 249.75, median: 499.5, p95: 949.05, distinct: 1000 },
          { p25: 249.75, median: 499.5, p95: 949.05, distinct: 1000 },
        ],
        passed: true,
        failedCount: 0,
      },
      {
        title: 'takes times for seconds',
        options: { column: 'v', statistics: ['mean'], minHistory: 2 },
        rows: values("(TIMESTAMPTZ '1970-01-01 00:01:00+00'), (TIMESTAMPTZ '1970-01-01 00:03:00+00')"),
        history: [{ mean: 119 }, { mean: 121 }],
        passed: true,
        failedCount: 0,
        observed: /^mean 120,/,
      },
      {
        title: 'counts distinct texts',
        options: { column: 'v', statistics: ['distinct'], minHistory: 2 },
        rows: values("('a'), ('b'), ('a')"),
        history: [{ distinct: 9 }, { distinct: 9 }],
        passed: false,
        failedCount: 1,
      },
    ],
    invalid: [{}, { column: 'v', statistics: [] }, { column: 'v', statistics: ['average'] }],
  },
}
