import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { EmbeddedCatalog } from '@phlo/catalog-embedded'
import { DuckDbHost, DuckDbOptions, DuckDbQueryEngine } from '@phlo/engine-duckdb'
import type { CheckKind } from '@phlo/ports'
import { checkKindContract, runCheckKind } from '@phlo/ports/testing'
import { LocalObjectStore } from '@phlo/storage-local'
import plugin, { checkKinds } from './index.js'
import { reconciliationSuites } from './testing/reconciliation-suites.js'
import { none, type Suite, values } from './testing/suite.js'
import { tableSuites } from './testing/table-suites.js'

/** An empty lake in a temporary folder, with DuckDB over it. */
async function open() {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-quality-'))
  const store = await LocalObjectStore.open(path.join(folder, 'lake'))
  const catalog = await EmbeddedCatalog.open(store)
  const scratch = path.join(folder, 'tmp')
  const folders = async () => [await store.localRoot(), scratch]
  const host = new DuckDbHost(DuckDbOptions.parse({}), { kind: 'closed', folders }, path.join(scratch, 'query'))
  const engine = new DuckDbQueryEngine(host, store, catalog, scratch)
  return {
    engine,
    close: async () => {
      await engine.close()
      await catalog.close()
      await store.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function kindOf(name: string): CheckKind {
  const kind = checkKinds.find((candidate) => candidate.kind === name)
  if (!kind) throw new Error(name)
  return kind
}

const suites: Readonly<Record<string, Suite>> = {
  ...tableSuites,
  ...reconciliationSuites,
  null: {
    cases: [
      {
        title: 'passes without NULL',
        options: { columns: ['v'] },
        rows: values('(1), (2)'),
        passed: true,
        failedCount: 0,
      },
      { title: 'passes an empty table', options: { columns: ['v'] }, rows: none('INT'), passed: true, failedCount: 0 },
      {
        title: 'counts a row with several NULLs once',
        options: { columns: ['v', 'w'] },
        rows: values('(NULL, NULL), (1, NULL), (NULL, 1), (1, 1)', 'v, w'),
        passed: false,
        failedCount: 3,
      },
      {
        title: 'takes empty text and NaN for values',
        options: { columns: ['v', 'w'] },
        rows: "SELECT '' AS v, 'NaN'::DOUBLE AS w",
        passed: true,
        failedCount: 0,
      },
      {
        title: 'sees NULL in lists and structs, but not within them',
        options: { columns: ['v', 'w'] },
        rows: "SELECT [NULL]::INT[] AS v, {'a': NULL::INT} AS w UNION ALL SELECT NULL, {'a': 1}",
        passed: false,
        failedCount: 1,
      },
      {
        title: 'takes a column of any name',
        options: { columns: ['the "best" column', 'select'] },
        rows: `SELECT 1 AS "the ""best"" column", NULL::INT AS "select"`,
        passed: false,
        failedCount: 1,
      },
    ],
    invalid: [{}, { columns: [] }, { columns: 'v' }, { columns: ['v'], more: 1 }],
  },
  unique: {
    cases: [
      {
        title: 'passes without doubles',
        options: { columns: ['v'] },
        rows: values('(1), (2)'),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'fails every row of a group of equals',
        options: { columns: ['v'] },
        rows: values('(1), (2), (2), (3), (3), (3)'),
        passed: false,
        failedCount: 5,
      },
      {
        title: 'takes NULL for equal to none',
        options: { columns: ['v'] },
        rows: values('(NULL), (NULL), (1)'),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'looks at columns together',
        options: { columns: ['v', 'w'] },
        rows: values("(1, 'a'), (1, 'b'), (2, 'a'), (1, 'a'), (1, NULL), (1, NULL)", 'v, w'),
        passed: false,
        failedCount: 2,
      },
      {
        title: 'knows letters of different case and spaces apart',
        options: { columns: ['v'] },
        rows: values("('a'), ('A'), ('a '), ('á')"),
        passed: true,
        failedCount: 0,
      },
      { title: 'passes an empty table', options: { columns: ['v'] }, rows: none('INT'), passed: true, failedCount: 0 },
      {
        title: 'takes columns that are named as its own aliases',
        options: { columns: ['checked', 'twice'] },
        rows: values('(1, 1), (1, 1)', 'checked, twice'),
        passed: false,
        failedCount: 2,
      },
    ],
    invalid: [{}, { columns: [] }],
  },
  range: {
    cases: [
      {
        title: 'takes both limits for within',
        options: { column: 'v', min: -50, max: 60 },
        rows: values('(-50), (60), (0)'),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'fails what is below or above, and no NULL',
        options: { column: 'v', min: -50, max: 60 },
        rows: values('(-51), (61), (NULL)'),
        passed: false,
        failedCount: 2,
      },
      {
        title: 'takes fractional limits for whole numbers',
        options: { column: 'v', min: 0.5 },
        rows: values('(0), (1)'),
        passed: false,
        failedCount: 1,
      },
      {
        title: 'compares dates as dates',
        options: { column: 'v', min: '2024-02-01', max: '2024-02-29' },
        rows: values("(DATE '2024-01-31'), (DATE '2024-02-29'), (DATE '2024-03-01')"),
        passed: false,
        failedCount: 2,
      },
      {
        title: 'compares times in any offset',
        options: { column: 'v', max: '2024-01-01T00:00:00Z' },
        rows: values("(TIMESTAMPTZ '2024-01-01 01:00:00+02'), (TIMESTAMPTZ '2024-01-01 00:00:01+00')"),
        passed: false,
        failedCount: 1,
      },
      {
        title: 'compares decimals and large integers to the last digit',
        options: { column: 'v', max: 9007199254740992n },
        rows: 'SELECT 9007199254740993::BIGINT AS v UNION ALL SELECT 9007199254740992',
        passed: false,
        failedCount: 1,
      },
      {
        title: 'takes infinity for above every limit',
        options: { column: 'v', max: 1e300 },
        rows: "SELECT 'inf'::DOUBLE AS v UNION ALL SELECT 1",
        passed: false,
        failedCount: 1,
      },
      {
        title: 'passes an empty table',
        options: { column: 'v', min: 0 },
        rows: none('INT'),
        passed: true,
        failedCount: 0,
      },
    ],
    invalid: [{ column: 'v' }, { min: 1 }, { column: 'v', min: true }],
  },
  accepted_values: {
    cases: [
      {
        title: 'passes values of the list, and NULL',
        options: { column: 'v', values: ["it's", 'b'] },
        rows: values("('it''s'), ('b'), (NULL)"),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'fails others, also in other letters',
        options: { column: 'v', values: ['a', 'b'] },
        rows: values("('a'), ('A'), ('c'), ('')"),
        passed: false,
        failedCount: 3,
      },
      {
        title: 'takes numbers for texts where the column is text',
        options: { column: 'v', values: [1, 2, true] },
        rows: values("('1'), ('2'), ('true'), ('3')"),
        passed: false,
        failedCount: 1,
      },
      {
        title: 'takes texts for numbers where the column is a number',
        options: { column: 'v', values: ['1', 2] },
        rows: values('(1), (2), (3)'),
        passed: false,
        failedCount: 1,
      },
      {
        title: 'takes booleans',
        options: { column: 'v', values: [true] },
        rows: values('(TRUE), (FALSE), (NULL)'),
        passed: false,
        failedCount: 1,
      },
    ],
    invalid: [{ column: 'v' }, { column: 'v', values: [] }, { column: 'v', values: [null] }],
  },
  pattern: {
    cases: [
      {
        title: 'passes what matches, and NULL',
        options: { column: 'v', pattern: '^[A-Z]{3}$' },
        rows: values("('ABC'), (NULL)"),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'fails what does not',
        options: { column: 'v', pattern: '^[A-Z]{3}$' },
        rows: values("('ABCD'), ('abc'), (''), (' ABC')"),
        passed: false,
        failedCount: 4,
      },
      {
        title: 'finds a pattern anywhere, quotes and letters of all kinds included',
        options: { column: 'v', pattern: "'é\\d" },
        rows: values("('x''é1y'), ('x''e1y')"),
        passed: false,
        failedCount: 1,
      },
    ],
    invalid: [{ column: 'v' }, { column: 'v', pattern: '' }],
  },
  length: {
    cases: [
      {
        title: 'takes both limits for within, and passes NULL',
        options: { column: 'v', min: 1, max: 3 },
        rows: values("('a'), ('abc'), (NULL)"),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'counts code points',
        options: { column: 'v', min: 2, max: 2 },
        rows: values("('é'), ('💧'), ('💧a'), ('ab'), ('表表'), ('')"),
        passed: false,
        failedCount: 3,
      },
    ],
    invalid: [{ column: 'v' }, { column: 'v', min: -1 }, { column: 'v', max: 1.5 }],
  },
  count: {
    cases: [
      {
        title: 'fails an empty table',
        options: { min: 1 },
        rows: none('INT'),
        passed: false,
        failedCount: 1,
        observed: /^0 rows$/,
      },
      {
        title: 'passes within the limits',
        options: { min: 2, max: 2 },
        rows: values('(1), (NULL)'),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'fails above',
        options: { max: 1 },
        rows: values('(1), (2)'),
        passed: false,
        failedCount: 1,
        observed: /^2 rows$/,
      },
    ],
    invalid: [{}, { min: -1 }],
  },
  freshness: {
    cases: [
      {
        title: 'passes at exactly the age that is allowed',
        options: { column: 'v', maxAge: 24 },
        rows: "SELECT TIMESTAMPTZ '2024-01-01 00:00:00+00' AS v",
        now: new Date('2024-01-02T00:00:00Z'),
        passed: true,
        failedCount: 0,
        observed: /24\.0 h old/,
      },
      {
        title: 'fails when it is older, whatever older rows there are',
        options: { column: 'v', maxAge: 24 },
        rows: values("(TIMESTAMP '2024-01-01 00:00:00'), (TIMESTAMP '2020-01-01 00:00:00')"),
        now: new Date('2024-01-02T00:00:01Z'),
        passed: false,
        failedCount: 1,
      },
      {
        title: 'counts from the reference where one is given',
        options: { column: 'v', maxAge: 2, reference: '2024-01-01T02:00:00+01:00' },
        rows: "SELECT TIMESTAMP '2024-01-01 00:00:00' AS v",
        passed: true,
        failedCount: 0,
      },
      {
        title: 'takes a date for its midnight',
        options: { column: 'v', maxAge: 1 },
        rows: "SELECT DATE '2024-01-01' AS v",
        now: new Date('2024-01-01T01:30:00Z'),
        passed: false,
        failedCount: 1,
      },
      {
        title: 'reads times that are text, with an offset or without',
        options: { column: 'v', maxAge: 2, reference: '2024-01-01T12:00:00Z' },
        rows: "SELECT '2024-01-01T13:00:00+02:00' AS v",
        passed: true,
        failedCount: 0,
        observed: /1\.0 h old/,
      },
      {
        title: 'fails text that is no time',
        options: { column: 'v', maxAge: 2 },
        rows: "SELECT 'yesterday' AS v",
        passed: false,
        failedCount: 1,
        observed: /no time/,
      },
      {
        title: 'fails an empty table',
        options: { column: 'v', maxAge: 1 },
        rows: none('TIMESTAMP'),
        passed: false,
        failedCount: 1,
      },
      {
        title: 'fails a table whose times are all NULL',
        options: { column: 'v', maxAge: 1 },
        rows: 'SELECT NULL::TIMESTAMP AS v',
        passed: false,
        failedCount: 1,
      },
    ],
    invalid: [{ column: 'v' }, { column: 'v', maxAge: 0 }, { column: 'v', maxAge: 1, reference: 'now' }],
  },
  referential: {
    cases: [
      {
        title: 'passes values of the other table, and NULL',
        options: { column: 'v', to: 'contract.others', field: 'id' },
        rows: values('(1), (1), (NULL)'),
        others: { others: 'SELECT 1 AS id UNION ALL SELECT NULL' },
        passed: true,
        failedCount: 0,
      },
      {
        title: 'fails others, also where the other table holds NULL',
        options: { column: 'v', to: 'contract.others', field: 'id' },
        rows: values('(1), (2), (3), (3)'),
        others: { others: 'SELECT 1 AS id UNION ALL SELECT NULL' },
        passed: false,
        failedCount: 3,
      },
      {
        title: 'fails everything when the other table is empty',
        options: { column: 'v', to: 'contract.others', field: 'id' },
        rows: values('(1), (NULL)'),
        others: { others: 'SELECT 1 AS id WHERE FALSE' },
        passed: false,
        failedCount: 1,
      },
      {
        title: 'looks a table up in itself',
        options: { column: 'v', to: 'contract.checked', field: 'id' },
        rows: values('(1, NULL), (2, 1), (3, 9)', 'id, v'),
        passed: false,
        failedCount: 1,
      },
    ],
    invalid: [{ column: 'v' }, { column: 'v', to: 'a.b' }],
  },
  custom_sql: {
    cases: [
      {
        title: 'passes where the condition holds',
        options: { condition: 'id > 0' },
        rows: values('(1), (2)', 'id'),
        passed: true,
        failedCount: 0,
      },
      {
        title: 'fails where it does not, or is NULL',
        options: { condition: 'id > 0' },
        rows: values('(1), (-2), (NULL)', 'id'),
        passed: false,
        failedCount: 2,
      },
      {
        title: 'keeps a condition with OR and a comment together',
        options: { condition: 'id = 1 OR id = 2 -- both are fine' },
        rows: values('(1), (2), (3)', 'id'),
        passed: false,
        failedCount: 1,
      },
      {
        title: 'takes a SELECT of wrong rows with ORDER BY, LIMIT, a comment and a semicolon',
        options: { failingRows: 'SELECT id FROM contract.checked WHERE id > 1 ORDER BY id LIMIT 2 -- the worst\n;' },
        rows: values('(1), (2), (3), (4)', 'id'),
        passed: false,
        failedCount: 2,
      },
      {
        title: 'takes a SELECT that ends in a comment, and begins with WITH',
        options: {
          failingRows: 'WITH wrong AS (SELECT * FROM contract.checked WHERE id > 5)\nSELECT * FROM wrong -- none',
        },
        rows: values('(1), (2)', 'id'),
        passed: true,
        failedCount: 0,
      },
    ],
    invalid: [{}, { condition: 'a', failingRows: 'b' }, { condition: '' }],
  },
}

describe.each(Object.entries(suites))('%s', (name, { cases, invalid }) => {
  checkKindContract(name, { kind: kindOf(name), cases, invalid, open }, { describe, it })
})

describe('the plugin', () => {
  it('provides every kind once, each with a suite here', async () => {
    const provided = await plugin.setup({
      options: undefined,
      project: { name: 'p', dir: '/', stateDir: '/' },
      get: () => {
        throw new Error('nothing is needed')
      },
    })
    expect(provided.map(({ adapter }) => (adapter as CheckKind).kind).sort()).toEqual(Object.keys(suites).sort())
  })

  it('names the rows that fail, and no others', async () => {
    const { engine, close } = await open()
    try {
      const { failing } = await runCheckKind(kindOf('range'), engine, {
        options: { column: 'v', max: 2 },
        rows: values("(1, 'fine'), (5, 'wrong'), (NULL, 'unknown')", 'v, note'),
      })
      expect(failing).toEqual([{ v: 5, note: 'wrong' }])
    } finally {
      await close()
    }
  })

  it('refuses a kind of value on a nested column, and a limit that is no value of the column', async () => {
    const { engine, close } = await open()
    try {
      const nested = { options: { column: 'v', min: 1 }, rows: "SELECT {'a': 1} AS v" }
      await expect(runCheckKind(kindOf('range'), engine, nested)).rejects.toMatchObject({ code: 'PHLO_CHECK_INVALID' })
      const wrong = { options: { column: 'v', min: 'yesterday' }, rows: "SELECT DATE '2024-01-01' AS v" }
      await expect(runCheckKind(kindOf('range'), engine, wrong)).rejects.toMatchObject({
        code: expect.stringMatching(/^PHLO_/) as unknown,
      })
      const table = { options: { column: 'v', to: 'nowhere', field: 'id' }, rows: 'SELECT 1 AS v' }
      await expect(runCheckKind(kindOf('referential'), engine, table)).rejects.toMatchObject({
        code: 'PHLO_CHECK_INVALID',
      })
      const absent = { options: { column: 'v', to: 'contract.none', field: 'id' }, rows: 'SELECT 1 AS v' }
      await expect(runCheckKind(kindOf('referential'), engine, absent)).rejects.toMatchObject({
        code: 'PHLO_TABLE_NOT_FOUND',
      })
    } finally {
      await close()
    }
  })
})
