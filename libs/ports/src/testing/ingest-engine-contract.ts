import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Catalog } from '../catalog.js'
import { isVersioned } from '../versioned-catalog.js'
import { isPhloError } from '../errors.js'
import type { IngestEngine, IngestRequest, IngestResult } from '../ingest-engine.js'
import type { QueryEngine } from '../query-engine.js'
import type { ColumnSchema, RowSchema } from '../row-schema.js'
import type { SourceInput } from '../source.js'
import { formatIdentifier } from '../table-identifier.js'
import { type PlainRow, plainRows } from './plain-rows.js'
import type { TestRunner } from './runner.js'

/** An ingest engine over an empty lake. */
export interface IngestEngineFixture {
  readonly engine: IngestEngine
  readonly catalog: Catalog
  /** Any engine that reads the lake's tables. */
  readonly queries: QueryEngine
  /** Closes the engines and what they stand on. */
  readonly close: () => Promise<void>
}

const column = (name: string, type: string, more: Partial<ColumnSchema> = {}): ColumnSchema => ({
  name,
  type,
  required: true,
  optional: false,
  rules: [],
  unique: false,
  ...more,
})

const schema: RowSchema = {
  columns: [
    column('id', 'long'),
    column('day', 'date'),
    column('value', 'double', { rules: [{ kind: 'max', value: 100, exclusive: false }] }),
    column('note', 'string', { required: false, optional: true }),
  ],
}

type Row = Readonly<Record<string, unknown>>

const row = (id: unknown, day: string, value: unknown, note?: string): Row => ({
  id,
  day,
  value,
  ...(note !== undefined && { note }),
})

const rowsInput = (...rows: Row[]): SourceInput => ({ type: 'rows', name: 'rows', rows })
const target = { namespace: ['bronze'], name: 't' }
const quarantine = { namespace: ['quarantine'], name: 'bronze_t' }

function withCode(code: string) {
  return (error: unknown) => {
    if (isPhloError(error, code)) return true
    throw error
  }
}

interface Lake extends IngestEngineFixture {
  readonly ingest: (inputs: readonly SourceInput[], request?: Partial<IngestRequest>) => Promise<IngestResult>
  readonly rows: (sql: string, ref?: string) => Promise<PlainRow[]>
  readonly file: (name: string, text: string) => Promise<string>
}

/**
 * What every IngestEngine must do.
 *
 * @param options.create - gives an engine over a fresh, empty lake each time, and a query engine that reads it.
 */
export function ingestEngineContract(
  name: string,
  options: { readonly create: () => Promise<IngestEngineFixture> },
  { describe, it }: TestRunner,
): void {
  describe(`IngestEngine contract: ${name}`, () => {
    const using = (title: string, body: (lake: Lake) => Promise<void>) =>
      it(title, async () => {
        const fixture = await options.create()
        const folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-contract-'))
        try {
          await body({
            ...fixture,
            ingest: (inputs, request = {}) =>
              fixture.engine.ingest({
                target,
                quarantine,
                ref: 'main',
                schema,
                inputs,
                strategy: { kind: 'overwrite' },
                unexpectedColumns: 'freeze',
                runId: 'run-1',
                message: 'ingest',
                ...request,
              }),
            rows: async (sql, ref = 'main') => plainRows(await fixture.queries.query(sql, { ref })),
            file: async (own, text) => {
              const file = path.join(folder, own)
              await writeFile(file, text)
              return file
            },
          })
        } finally {
          await fixture.close()
          await rm(folder, { recursive: true, force: true })
        }
      })
    const byDay = (from: string, to: string): Partial<IngestRequest> => ({
      interval: { column: 'day', from, to },
      partitioning: [{ column: 'day', transform: 'day' }],
    })
    const ids = async ({ rows }: Lake) => (await rows('SELECT id FROM bronze.t ORDER BY id')).map(({ id }) => id)

    using('takes rows of a program in, with the types of the schema', async (lake) => {
      const result = await lake.ingest([rowsInput(row(1, '2024-01-01', 1.5, 'x'), row(2, '2024-01-02', 2))])
      assert.deepEqual(
        { read: result.read, written: result.written, rejected: result.rejected, outside: result.outside },
        { read: 2, written: 2, rejected: 0, outside: 0 },
      )
      assert.ok(result.files >= 1 && result.bytes > 0)
      assert.deepEqual(await lake.rows('SELECT * FROM bronze.t ORDER BY id'), [
        { id: 1, day: '2024-01-01', value: 1.5, note: 'x' },
        { id: 2, day: '2024-01-02', value: 2, note: null },
      ])
      const loaded = await lake.catalog.loadTable(target)
      assert.equal(loaded?.metadata['current-snapshot-id'], result.snapshotId)
    })

    using('takes CSV, lines of JSON and JSON in, all the same', async (lake) => {
      const files: SourceInput[] = [
        { type: 'files', format: 'csv', paths: [await lake.file('a.csv', 'id,day,value,note\n1,2024-01-01,1,x\n')] },
        {
          type: 'files',
          format: 'ndjson',
          paths: [await lake.file('b.ndjson', '{"id":2,"day":"2024-01-01","value":1,"note":"x"}\n')],
        },
        {
          type: 'files',
          format: 'json',
          paths: [await lake.file('c.json', '[{"id":3,"day":"2024-01-01","value":1,"note":"x"}]')],
        },
      ]
      const result = await lake.ingest(files)
      assert.deepEqual({ read: result.read, written: result.written }, { read: 3, written: 3 })
      assert.deepEqual(
        await lake.rows('SELECT * FROM bronze.t ORDER BY id'),
        [1, 2, 3].map((id) => ({ id, day: '2024-01-01', value: 1, note: 'x' })),
      )
    })

    using('puts rows that are wrong into quarantine, with the reason, in the same commit', async (lake) => {
      const before = isVersioned(lake.catalog) ? await commits(lake.catalog) : 0
      const result = await lake.ingest([
        rowsInput(row(1, '2024-01-01', 1), row('x', '2024-01-01', 1), row(3, '2024-01-01', 101)),
      ])
      assert.deepEqual(
        { read: result.read, written: result.written, rejected: result.rejected },
        {
          read: 3,
          written: 1,
          rejected: 2,
        },
      )
      assert.equal(
        result.rejectedRules.reduce((sum, rule) => sum + rule.rows, 0),
        2,
      )
      assert.deepEqual(await ids(lake), [1])
      assert.deepEqual(await lake.rows('SELECT count(*) AS n, min(run_id) AS run FROM quarantine.bronze_t'), [
        { n: 2, run: 'run-1' },
      ])
      assert.ok(result.rejectedSql !== undefined)
      assert.equal((await lake.rows(result.rejectedSql)).length, 2)
      if (isVersioned(lake.catalog)) assert.equal(await commits(lake.catalog), before + 1)
    })

    using('names the origin of rejected rows, of several inputs of one name, too', async (lake) => {
      const wrong = () => rowsInput(row('x', '2024-01-01', 1))
      const file = await lake.file('f.csv', 'id,day,value,note\nx,2024-01-01,1,\n')
      const csvInput: SourceInput = { type: 'files', format: 'csv', paths: [file] }
      const result = await lake.ingest([wrong(), wrong(), csvInput, csvInput])
      assert.deepEqual([result.read, result.written, result.rejected], [4, 0, 4])
      assert.deepEqual(
        (await lake.rows('SELECT source_file FROM quarantine.bronze_t')).map((item) => item['source_file']).sort(),
        [file, file, 'rows', 'rows'],
      )
    })

    using('keeps read = written + rejected + duplicates', async (lake) => {
      const result = await lake.ingest(
        [rowsInput(row(1, '2024-01-01', 1), row(1, '2024-01-01', 2), row(null, '2024-01-01', 1))],
        { strategy: { kind: 'merge', key: ['id'], keep: 'last' } },
      )
      assert.deepEqual([result.read, result.written, result.rejected, result.duplicates], [3, 1, 1, 1])
    })

    using('appends, and overwrites everything', async (lake) => {
      await lake.ingest([rowsInput(row(1, '2024-01-01', 1))], { strategy: { kind: 'append' } })
      await lake.ingest([rowsInput(row(2, '2024-01-01', 1))], { strategy: { kind: 'append' } })
      assert.deepEqual(await ids(lake), [1, 2])
      await lake.ingest([rowsInput(row(3, '2024-01-01', 1))])
      assert.deepEqual(await ids(lake), [3])
    })

    using('overwrites an interval and leaves what is outside', async (lake) => {
      await lake.ingest(
        [rowsInput(row(1, '2024-01-01', 1), row(2, '2024-01-02', 1), row(3, '2024-01-03', 1))],
        byDay('2024-01-01', '2024-01-04'),
      )
      const result = await lake.ingest(
        [rowsInput(row(20, '2024-01-02', 1), row(90, '2024-01-09', 1))],
        byDay('2024-01-02', '2024-01-03'),
      )
      assert.deepEqual([result.read, result.written, result.outside], [1, 1, 1])
      assert.deepEqual(await ids(lake), [1, 3, 20])
    })

    using('gives the same table when the same is taken in twice', async (lake) => {
      const inputs = [rowsInput(row(1, '2024-01-01', 1), row(2, '2024-01-01', 500))]
      const request = byDay('2024-01-01', '2024-01-02')
      await lake.ingest(inputs, request)
      await lake.ingest(inputs, { ...request, runId: 'run-2' })
      assert.deepEqual(await ids(lake), [1])
      assert.deepEqual(await lake.rows('SELECT run_id FROM quarantine.bronze_t'), [{ run_id: 'run-2' }])
    })

    using('merges by key and keeps the first, the last, or all that differ', async (lake) => {
      const batch = [
        rowsInput(
          row(1, '2024-01-01', 10),
          row(2, '2024-01-01', 20),
          row(1, '2024-01-01', 15),
          row(3, '2024-01-01', 30),
        ),
      ]
      const expected = { first: [10], last: [15], hash: [10, 15] }
      for (const keep of ['first', 'last', 'hash'] as const) {
        await lake.ingest(batch, { strategy: { kind: 'merge', key: ['id'], keep } })
        const values = await lake.rows('SELECT value FROM bronze.t WHERE id = 1 ORDER BY value')
        assert.deepEqual(
          values.map(({ value }) => value),
          expected[keep],
          keep,
        )
      }
      await lake.ingest([rowsInput(row(2, '2024-02-01', 21), row(4, '2024-02-01', 40))], {
        strategy: { kind: 'merge', key: ['id'], keep: 'last' },
      })
      assert.deepEqual(await lake.rows('SELECT id, value FROM bronze.t WHERE id > 1 ORDER BY id'), [
        { id: 2, value: 21 },
        { id: 3, value: 30 },
        { id: 4, value: 40 },
      ])
    })

    using('keeps the row that an ordering column says, from whichever batch it comes', async (lake) => {
      const strategy = { kind: 'merge', key: ['id'], keep: 'last', orderBy: 'value' } as const
      await lake.ingest([rowsInput(row(1, '2024-01-01', 7), row(2, '2024-01-01', 9), row(1, '2024-01-01', 5))], {
        strategy,
      })
      const result = await lake.ingest([rowsInput(row(1, '2024-01-02', 8), row(2, '2024-01-02', 3))], { strategy })
      assert.deepEqual([result.written, result.unchanged], [1, 1])
      assert.deepEqual(await lake.rows('SELECT id, value FROM bronze.t ORDER BY id'), [
        { id: 1, value: 8 },
        { id: 2, value: 9 },
      ])
    })

    using('adds only rows whose key is new, where that is wanted', async (lake) => {
      const strategy = { kind: 'insert-only', key: ['id'], keep: 'first' } as const
      await lake.ingest([rowsInput(row(1, '2024-01-01', 1))], { strategy })
      await lake.ingest([rowsInput(row(1, '2024-01-01', 2), row(2, '2024-01-01', 2))], { strategy })
      assert.deepEqual(await lake.rows('SELECT id, value FROM bronze.t ORDER BY id'), [
        { id: 1, value: 1 },
        { id: 2, value: 2 },
      ])
    })

    using('replaces rows by the values of columns, and by partitions', async (lake) => {
      const byDate = { partitioning: [{ column: 'day', transform: 'identity' }] } as const
      for (const [strategy, second] of [
        [{ kind: 'delete-insert', by: ['day'] }, 20],
        [{ kind: 'delete-insert' }, 30],
      ] as const) {
        await lake.ingest([rowsInput(row(1, '2024-01-01', 1), row(2, '2024-01-02', 1))], { ...byDate })
        await lake.ingest([rowsInput(row(second, '2024-01-02', 1), row(second, '2024-01-02', 1))], { strategy })
        assert.deepEqual(await ids(lake), [1, second, second])
      }
    })

    using('keeps a history, and closes what the source has no more', async (lake) => {
      const strategy = { kind: 'scd2', key: ['id'], keep: 'last', absent: 'close' } as const
      await lake.ingest([rowsInput(row(1, '2024-01-01', 1), row(2, '2024-01-01', 1))], { strategy })
      await lake.ingest([rowsInput(row(1, '2024-01-01', 5))], { strategy })
      assert.deepEqual(
        await lake.rows('SELECT id, value, is_current, valid_to IS NULL AS open FROM bronze.t ORDER BY id, value'),
        [
          { id: 1, value: 1, is_current: false, open: false },
          { id: 1, value: 5, is_current: true, open: true },
          { id: 2, value: 1, is_current: false, open: false },
        ],
      )
    })

    using('applies changes in their order, and deletes what they delete', async (lake) => {
      const strategy = {
        kind: 'cdc',
        key: ['id'],
        position: ['value'],
        operation: { column: 'note', deletes: ['D'] },
        deletion: 'hard',
      } as const
      await lake.ingest([rowsInput(row(1, '2024-01-01', 2, 'U'), row(1, '2024-01-01', 1, 'I'))], { strategy })
      await lake.ingest([rowsInput(row(2, '2024-01-01', 3, 'I'))], { strategy })
      const deletion = { id: 1, value: 4, note: 'D' }
      const result = await lake.ingest([rowsInput(deletion)], { strategy })
      assert.deepEqual([result.rejected, result.written, result.deleted], [0, 0, 1])
      assert.deepEqual(await lake.rows('SELECT id, note FROM bronze.t'), [{ id: 2, note: 'I' }])
    })

    using('writes to the branch that it is given', async (lake) => {
      if (!isVersioned(lake.catalog)) return
      await lake.catalog.createRef('dev')
      await lake.ingest([rowsInput(row(1, '2024-01-01', 1))], { ref: 'dev' })
      assert.deepEqual(await lake.catalog.listTables(), [])
      assert.deepEqual(await lake.rows('SELECT id FROM bronze.t', 'dev'), [{ id: 1 }])
    })

    using('keeps documentation, properties as they are after reading, and the snapshot’s summary', async (lake) => {
      const seen: number[] = []
      const rows = function* () {
        for (const id of [1, 2]) {
          seen.push(id)
          yield row(id, '2024-01-01', id)
        }
      }
      await lake.ingest([{ type: 'rows', rows: rows(), name: 'rows' }], {
        doc: 'A table',
        properties: { 'test.key': 'value' },
        propertiesRead: () => ({ 'test.read': seen.join() }),
        summary: { 'test.run': 'r1' },
      })
      const metadata = (await lake.catalog.loadTable(target))?.metadata
      assert.equal(metadata?.properties?.['test.key'], 'value')
      assert.equal(metadata?.properties?.['test.read'], '1,2')
      assert.equal(metadata?.properties?.['comment'], 'A table')
      assert.equal(metadata?.snapshots?.at(-1)?.summary?.['test.run'], 'r1')
    })

    const csv = async (lake: Lake, text: string): Promise<SourceInput> => ({
      type: 'files',
      format: 'csv',
      paths: [await lake.file('f.csv', text)],
    })
    const refused: { title: string; code: string; inputs: (lake: Lake) => Promise<readonly SourceInput[]> }[] = [
      {
        title: 'an empty file',
        code: 'PHLO_SOURCE_EMPTY',
        inputs: async (lake) => [await csv(lake, '')],
      },
      {
        title: 'a file that is not there',
        code: 'PHLO_SOURCE_NOT_FOUND',
        inputs: async () => [
          { type: 'files', format: 'csv', paths: [path.join(os.tmpdir(), 'phlo-no-such-file.csv')] },
        ],
      },
      {
        title: 'a file that breaks its format',
        code: 'PHLO_SOURCE_MALFORMED',
        inputs: async (lake) => [
          { type: 'files', format: 'ndjson', paths: [await lake.file('f.ndjson', '{"id":1,\n')] },
        ],
      },
      {
        title: 'a column that is missing',
        code: 'PHLO_SCHEMA_COLUMN_MISSING',
        inputs: async (lake) => [await csv(lake, 'id,day\n1,2024-01-01\n')],
      },
      {
        title: 'a column too many',
        code: 'PHLO_SCHEMA_COLUMN_UNEXPECTED',
        inputs: async (lake) => [await csv(lake, 'id,day,value,note,more\n1,2024-01-01,1,x,y\n')],
      },
      {
        title: 'a program that fails after some rows',
        code: 'PHLO_SOURCE_FAILED',
        inputs: async () => [
          {
            type: 'rows',
            name: 'api',
            rows: (function* () {
              yield row(1, '2024-01-01', 1)
              throw new TypeError('down')
            })(),
          },
        ],
      },
    ]
    for (const { title, code, inputs } of refused) {
      using(`refuses ${title}, and commits nothing, not even of inputs that are fine`, async (lake) => {
        const before = isVersioned(lake.catalog) ? await commits(lake.catalog) : 0
        const fine = rowsInput(row(7, '2024-01-01', 1))
        await assert.rejects(lake.ingest([fine, ...(await inputs(lake))]), withCode(code))
        assert.deepEqual((await lake.catalog.listTables()).map(formatIdentifier), [])
        if (isVersioned(lake.catalog)) assert.equal(await commits(lake.catalog), before)
      })
    }

    using('leaves a column too many out where that is wanted', async (lake) => {
      const input = await csv(lake, 'id,day,value,note,more\n1,2024-01-01,1,x,y\n')
      await lake.ingest([input], { unexpectedColumns: 'discard_value' })
      assert.deepEqual(await lake.rows('SELECT * FROM bronze.t'), [{ id: 1, day: '2024-01-01', value: 1, note: 'x' }])
    })

    using('takes nothing in where there is nothing, and still makes the table', async (lake) => {
      const result = await lake.ingest([rowsInput()])
      assert.deepEqual([result.read, result.written, result.rejected], [0, 0, 0])
      assert.deepEqual(await lake.rows('SELECT count(*) AS n FROM bronze.t'), [{ n: 0 }])
    })

    using('follows a schema that grows, and refuses one that would lose data', async (lake) => {
      await lake.ingest([rowsInput(row(1, '2024-01-01', 1))], { strategy: { kind: 'append' } })
      const wider = { columns: [...schema.columns, column('extra', 'string', { required: false, optional: true })] }
      await lake.ingest([rowsInput({ ...row(2, '2024-01-01', 1), extra: 'e' })], {
        schema: wider,
        strategy: { kind: 'append' },
      })
      assert.deepEqual(await lake.rows('SELECT id, extra FROM bronze.t ORDER BY id'), [
        { id: 1, extra: null },
        { id: 2, extra: 'e' },
      ])
      const other = {
        columns: schema.columns.map((item) => (item.name === 'value' ? column('value', 'string') : item)),
      }
      await assert.rejects(
        lake.ingest([rowsInput(row(1, '2024-01-01', 'text'))], { schema: other }),
        withCode('PHLO_SCHEMA_BREAKING'),
      )
    })

    using('stops for a signal and commits nothing', async (lake) => {
      const controller = new AbortController()
      function* rows() {
        yield row(1, '2024-01-01', 1)
        controller.abort()
        yield row(2, '2024-01-01', 1)
      }
      await assert.rejects(
        lake.ingest([{ type: 'rows', name: 'rows', rows: rows() }], { signal: controller.signal }),
        withCode('PHLO_RUN_CANCELLED'),
      )
      assert.deepEqual(await lake.catalog.listTables(), [])
    })

    it('may be closed before it was used, and twice', async () => {
      const { engine, close } = await options.create()
      await engine.close()
      await engine.close()
      await close()
    })
  })
}

async function commits(catalog: Catalog): Promise<number> {
  let count = 0
  if (isVersioned(catalog)) for await (const _commit of catalog.log('main')) count++
  return count
}
