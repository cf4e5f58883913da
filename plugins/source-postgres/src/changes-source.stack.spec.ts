import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { sourceContract } from '@phlo/ports/testing'
import fc from 'fast-check'
import { ChangesSource } from './changes-source.js'
import { parseLsn } from './pgoutput.js'
import { readAll, TestDatabase } from './testing/database.js'

const source = new ChangesSource()
let db: TestDatabase
beforeAll(async () => {
  db = await TestDatabase.create()
})
afterAll(() => db.drop())

const optionsOf = (table: string, more: object = {}) => ({ url: db.url, table, slot: `phlo_${table}`, ...more })
type Row = Readonly<Record<string, unknown>>

/** Follows a table as a lake would: applies each read's changes, in order, and keeps its cursor. */
class Copy {
  readonly rows = new Map<unknown, Row>()
  cursor: unknown
  private readonly options: object
  private last = -1n

  constructor(options: object) {
    this.options = options
  }

  /** With `lost`, the read is done and nothing of it is kept, as after a crash. */
  async read(lost = false): Promise<readonly Row[]> {
    const { rows, cursor } = await readAll(source, this.options, { cursor: this.cursor })
    if (lost) return rows
    this.cursor = cursor ?? this.cursor
    for (const { _op, _lsn, _seq, _committed_at, ...row } of rows) {
      const place = (BigInt(_lsn as string) << 32n) + BigInt(_seq as string)
      expect(place >= this.last).toBe(true)
      this.last = place
      if (_op === 'delete') expect(this.rows.delete(row['id'])).toBe(true)
      else {
        // Nothing comes twice.
        expect(this.rows.has(row['id'])).toBe(_op === 'update')
        this.rows.set(row['id'], row)
      }
    }
    return rows
  }

  /** Reads until it has what was committed before. */
  async catchUp(): Promise<void> {
    const [{ lsn } = {}] = await db.run('SELECT pg_current_wal_lsn()::text AS lsn')
    do await this.read()
    while (parseLsn((this.cursor as { lsn: string }).lsn) < parseLsn(lsn as string))
  }

  /** The rows as the table has them. */
  sorted(): readonly Row[] {
    return [...this.rows.values()].sort((a, b) => Number(a['id']) - Number(b['id']))
  }
}

const tableRows = (table: string) => db.run(`SELECT * FROM ${table} ORDER BY id`)

sourceContract(
  'postgres-changes',
  {
    create: async () => {
      await db.run('DROP TABLE IF EXISTS contract', 'CREATE TABLE contract (id int PRIMARY KEY)')
      await db.run('DROP PUBLICATION IF EXISTS phlo_contract', 'INSERT INTO contract VALUES (1), (2)')
      return { source, options: optionsOf('contract'), projectDir: '/nowhere' }
    },
    invalid: [
      undefined,
      null,
      {},
      { url: 'postgres://localhost/d', table: 't' },
      { url: 'postgres://localhost/d', table: 't', slot: 'No Slot' },
      { url: 'postgres://localhost/d', table: 't', slot: 's', maxChanges: 0 },
    ],
  },
  { describe, it },
)

describe('changes', () => {
  it('begin with all rows, and go on with each change once, in order, whatever read is lost', async () => {
    await db.run('CREATE TABLE orders (id int PRIMARY KEY, state text, total numeric(20, 2))')
    const copy = new Copy(optionsOf('orders', { maxChanges: 4 }))
    const change = fc.oneof(
      fc.record({
        kind: fc.constant('insert' as const),
        id: fc.integer({ min: 0, max: 9 }),
        state: fc.string({ unit: 'grapheme-ascii' }),
      }),
      fc.record({
        kind: fc.constant('update' as const),
        id: fc.integer({ min: 0, max: 9 }),
        to: fc.integer({ min: 0, max: 9 }),
      }),
      fc.record({ kind: fc.constant('delete' as const), id: fc.integer({ min: 0, max: 9 }) }),
      fc.constantFrom({ kind: 'read' as const, lost: false }, { kind: 'read' as const, lost: true }),
      fc.constantFrom({ kind: 'roll back' as const }, { kind: 'several' as const }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 25 }), async (changes) => {
        for (const step of changes) {
          if (step.kind === 'insert')
            await db.run(
              `INSERT INTO orders VALUES (${step.id}, $q$${step.state.replaceAll('$', '')}$q$, ${step.id}.5) ON CONFLICT DO NOTHING`,
            )
          else if (step.kind === 'update')
            await db.run(
              `UPDATE orders SET id = ${step.to}, total = total + 1 WHERE id = ${step.id} AND (${step.id} = ${step.to} OR NOT EXISTS (SELECT 1 FROM orders WHERE id = ${step.to}))`,
            )
          else if (step.kind === 'delete') await db.run(`DELETE FROM orders WHERE id = ${step.id}`)
          else if (step.kind === 'roll back') await db.run('BEGIN', 'DELETE FROM orders', 'ROLLBACK')
          else if (step.kind === 'several')
            await db.run('BEGIN', `UPDATE orders SET state = state || '!'`, `UPDATE orders SET total = 0`, 'COMMIT')
          else await copy.read(step.lost)
        }
        await copy.catchUp()
        expect(copy.sorted()).toEqual(await tableRows('orders'))
      }),
      { numRuns: 15 },
    )
  })

  it('know large values that an update left as they were', async () => {
    await db.run(
      'CREATE TABLE docs (id int PRIMARY KEY, title text, body text)',
      'ALTER TABLE docs ALTER body SET STORAGE EXTERNAL',
      `INSERT INTO docs VALUES (1, 'a', repeat('x', 20000)), (2, 'b', repeat('y', 20000)), (3, 'c', repeat('z', 20000))`,
    )
    const copy = new Copy(optionsOf('docs'))
    await copy.read()
    await db.run(`UPDATE docs SET title = 'new' WHERE id = 1`, 'UPDATE docs SET id = 9 WHERE id = 2')
    // Gone by the time it is looked up: its delete is all that counts.
    await db.run(`UPDATE docs SET title = 'gone' WHERE id = 3`, 'DELETE FROM docs WHERE id = 3')
    await copy.read()
    expect(copy.sorted()).toEqual(await tableRows('docs'))
    await db.run('ALTER TABLE docs REPLICA IDENTITY FULL')
    await db.run(
      `UPDATE docs SET title = 'full' WHERE id = 1`,
      'DELETE FROM docs WHERE id = 1',
      'UPDATE docs SET id = 8',
    )
    const rows = await copy.read()
    expect(rows.find(({ title }) => title === 'full')?.['body']).toBe('x'.repeat(20_000))
    expect(copy.sorted()).toEqual(await tableRows('docs'))
  })

  it('follow a table that gains and loses columns', async () => {
    await db.run('CREATE TABLE grows (id int PRIMARY KEY, a text)', `INSERT INTO grows VALUES (1, 'a')`)
    const copy = new Copy(optionsOf('grows'))
    await copy.read()
    await db.run(
      'ALTER TABLE grows ADD COLUMN b int[]',
      `INSERT INTO grows VALUES (2, 'b', '{1,2}')`,
      'ALTER TABLE grows DROP COLUMN a',
      `INSERT INTO grows VALUES (3, '{3}')`,
    )
    expect((await copy.read()).map(({ _op, _lsn, _seq, _committed_at, ...row }) => row)).toEqual([
      { id: '2', a: 'b', b: '[1,2]' },
      { id: '3', b: '[3]' },
    ])
  })

  it('of other tables move the slot on, so that the server can forget them', async () => {
    await db.run('CREATE TABLE quiet (id int PRIMARY KEY)', 'CREATE TABLE busy (id int)')
    const copy = new Copy(optionsOf('quiet'))
    await copy.read()
    const confirmed = async () =>
      (
        await db.run(`SELECT confirmed_flush_lsn::text AS at FROM pg_replication_slots WHERE slot_name = 'phlo_quiet'`)
      )[0]!['at']
    const before = await confirmed()
    await db.run('INSERT INTO busy SELECT generate_series(1, 1000)')
    expect(await copy.read()).toEqual([])
    await copy.read()
    const [{ behind } = {}] = await db.run(
      `SELECT pg_wal_lsn_diff('${await confirmed()}', '${before}')::bigint AS behind`,
    )
    expect(Number(behind)).toBeGreaterThan(1000 * 20)
  })

  it('that cannot be followed are refused, with what to do', async () => {
    await db.run('CREATE TABLE ends (id int PRIMARY KEY)', 'INSERT INTO ends VALUES (1)')
    const copy = new Copy(optionsOf('ends'))
    await copy.read()
    await db.run('TRUNCATE ends')
    await expect(copy.read()).rejects.toMatchObject({
      code: 'PHLO_SOURCE_FAILED',
      message: 'ends was truncated, which no change of a row can say',
    })
    await db.run(`SELECT pg_replication_slot_advance('phlo_ends', pg_current_wal_lsn())`)
    await expect(copy.read()).rejects.toMatchObject({
      hint: expect.stringContaining('drop the asset’s table') as unknown,
    })
    await db.run(`SELECT pg_drop_replication_slot('phlo_ends')`)
    await expect(copy.read()).rejects.toMatchObject({ message: expect.stringContaining('is gone') as unknown })
    copy.cursor = undefined
    await expect(readAll(source, optionsOf('ends'))).resolves.toMatchObject({ rows: [] })
    await db.run('CREATE TABLE keyless (id int)')
    await expect(readAll(source, optionsOf('keyless'))).rejects.toMatchObject({
      message: expect.stringContaining('has no primary key') as unknown,
    })
    await db.run('CREATE PUBLICATION others FOR TABLE keyless')
    await expect(readAll(source, optionsOf('ends', { publication: 'others' }))).rejects.toMatchObject({
      hint: 'ALTER PUBLICATION "others" ADD TABLE "public"."ends"',
    })
  })
})
