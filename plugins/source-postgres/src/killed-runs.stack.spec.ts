import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { TestDatabase } from './testing/database.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const rounds = 8

let db: TestDatabase
let project: string

beforeAll(async () => {
  db = await TestDatabase.create()
  project = await mkdtemp(path.join(os.tmpdir(), 'phlo-postgres-'))
  await symlink(path.join(root, 'node_modules'), path.join(project, 'node_modules'))
  await mkdir(path.join(project, 'workflows'))
  await writeFile(path.join(project, 'phlo.yaml'), 'name: orders\n')
  await writeFile(
    path.join(project, 'workflows/orders.ts'),
    `import { ingestion, postgres, postgresChanges, z } from 'phlo'
const server = { url: '\${env:DB_URL}' }
const Order = { id: z.int(), state: z.string().nullable(), total: z.number().nullable() }
export const orders = ingestion(
  {
    name: 'orders',
    schema: z.object({
      ...Order,
      _op: z.enum(['insert', 'update', 'delete']),
      _lsn: z.bigint(),
      _seq: z.int(),
      _committed_at: z.iso.datetime(),
    }),
    uniqueKey: 'id',
    merge: { strategy: 'cdc', operation: { column: '_op' }, position: ['_lsn', '_seq'] },
  },
  postgresChanges({ ...server, table: 'orders', slot: 'killed_runs' }),
)
export const copies = ingestion(
  { name: 'copies', schema: z.object(Order), merge: { strategy: 'append' } },
  postgres({ ...server, table: 'log', incremental: { column: 'id' } }),
)
`,
  )
})

afterAll(async () => {
  await db.drop()
  await rm(project, { recursive: true, force: true })
})

async function phlo(args: readonly string[], killAfter?: number): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [path.join(root, 'apps/cli/bin/phlo.js'), ...args], {
    cwd: project,
    env: { PATH: process.env['PATH'] ?? '', HOME: project, DB_URL: db.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter)
  return new Promise((resolve) =>
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ code, output })
    }),
  )
}

/** What the lake and the database have, each as lines of the same spelling. */
async function both(lake: string, table: string) {
  const { output } = await phlo(['query', '--format', 'csv', `SELECT id, state, total FROM bronze.${lake} ORDER BY id`])
  const rows = await db.run(`SELECT id, state, total FROM ${table} ORDER BY id`)
  return {
    lake: output.trim().split('\n').slice(1),
    database: rows.map(({ id, state, total }) => [id, state, total].join(',')),
  }
}

it('brings each row and change exactly once, however often runs are killed while the tables change', async () => {
  await db.run(
    'CREATE TABLE orders (id int PRIMARY KEY, state text, total double precision)',
    'CREATE TABLE log (id int PRIMARY KEY, state text, total double precision)',
    `INSERT INTO orders SELECT i, 'new', i FROM generate_series(1, 500) i`,
  )
  let killed = 0
  let next = 501
  for (let round = 0; round < rounds; round++) {
    const from = next
    next += 50
    await db.run(
      `INSERT INTO orders SELECT i, 'new', i FROM generate_series(${from}, ${next - 1}) i`,
      `INSERT INTO log SELECT * FROM orders WHERE id BETWEEN ${from} AND ${next - 1}`,
      `UPDATE orders SET state = 'round ${round}', total = total + 1 WHERE id % 7 = ${round % 7}`,
      `DELETE FROM orders WHERE id % 31 = ${round}`,
    )
    // Anywhere between the start of the program and its end.
    const { code } = await phlo(['run'], 500 + ((round * 977) % 5000))
    if (code === null) killed++
  }
  expect(killed).toBeGreaterThan(0)
  const last = await phlo(['run'])
  expect(last).toMatchObject({ code: 0 })
  for (const [lake, table] of [
    ['orders', 'orders'],
    ['copies', 'log'],
  ] as const) {
    const { lake: found, database } = await both(lake, table)
    expect(found).toEqual(database)
  }
})
