import { mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { expectFingerprint, fingerprintOf, jsonColumns, ordersFile, ordersWorkflow, sqlText } from './orders.js'
import type { Workplace } from './workplace.js'

let workplace: Workplace
const silent = () => undefined

beforeAll(async () => {
  const cache = await mkdtemp(path.join(os.tmpdir(), 'phlo-bench-'))
  workplace = { bench: cache, packages: cache, phlo: '', cache, work: cache }
})
afterAll(() => rm(workplace.cache, { recursive: true }))

const json = (file: string) => `read_json(${sqlText(file)}, format = 'newline_delimited', columns = ${jsonColumns})`

describe('the input', () => {
  it('is the same every time it is made', async () => {
    const first = await ordersFile(workplace, 'ndjson', 500, silent)
    const text = await readFile(first.path, 'utf8')
    await rm(path.join(workplace.cache, 'bench-data'), { recursive: true })
    const second = await ordersFile(workplace, 'ndjson', 500, silent)
    expect(await readFile(second.path, 'utf8')).toBe(text)
    expect(second.fingerprint).toEqual(first.fingerprint)
  })

  it('has the same rows as Parquet and as JSON lines', async () => {
    const parquet = await ordersFile(workplace, 'parquet', 1000, silent)
    const lines = await ordersFile(workplace, 'ndjson', 1000, silent)
    expect(parquet.fingerprint['row_count']).toBe('1000')
    expect(await fingerprintOf(sqlText(parquet.path))).toEqual(parquet.fingerprint)
    expect(await fingerprintOf(json(lines.path))).toEqual(parquet.fingerprint)
  })

  it('keeps to the rules of its workflow', async () => {
    const lines = await ordersFile(workplace, 'ndjson', 1000, silent)
    const rows = (await readFile(lines.path, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const [, statuses] = /status: z\.enum\((\[.*\])\)/.exec(ordersWorkflow({ orders: lines.path })) as RegExpExecArray
    expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(JSON.parse(statuses as string) as string[]))
    for (const { reference, discount } of rows) {
      expect(reference).toMatch(/^ORD-[0-9a-f]{12}$/)
      if (discount !== null) expect(discount).toBeLessThanOrEqual(100)
    }
    expect(rows.some(({ discount }) => discount === null)).toBe(true)
  })

  it('is told apart from the rows less one, and from a changed value', async () => {
    const { path: file, fingerprint } = await ordersFile(workplace, 'parquet', 1000, silent)
    expectFingerprint('the same', await fingerprintOf(sqlText(file)), fingerprint)
    const less = await fingerprintOf(`(FROM ${sqlText(file)} LIMIT 999)`)
    expect(() => expectFingerprint('less', less, fingerprint)).toThrow('row_count is 999 instead of 1000')
    const changed = await fingerprintOf(
      `(SELECT * REPLACE (if(id = 7, quantity + 1, quantity) AS quantity) FROM ${sqlText(file)})`,
    )
    expect(() => expectFingerprint('changed', changed, fingerprint)).toThrow(
      /^changed gave the wrong table: quantities/,
    )
  })
})
