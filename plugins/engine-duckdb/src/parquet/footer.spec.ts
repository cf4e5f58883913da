import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { isPhloError } from '@phlo/ports'
import fc from 'fast-check'
import { DuckDbHost } from '../duckdb-host.js'
import { DuckDbOptions } from '../options.js'
import { changeLogicalTypes, type SchemaElement, withLogicalTypes } from './footer.js'
import { declareClockTimes } from './logical-types.js'

let folder: string
let host: DuckDbHost
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'phlo-footer-'))
  host = new DuckDbHost(DuckDbOptions.parse({}), { kind: 'open' }, path.join(folder, 'tmp'))
})
afterEach(async () => {
  await host.close()
  await rm(folder, { recursive: true, force: true })
})

const moments = Buffer.of(0x8c, 0x11, 0x1c, 0x3c, 0, 0, 0, 0)

async function written(): Promise<string> {
  const file = path.join(folder, 't.parquet')
  await host.connect((connection) =>
    connection.run(
      `COPY (SELECT i::INT AS id, make_timestamp_ns(i) AS t, {'t': make_timestamp_ns(-i)} AS s, encode('x' || i) AS text FROM range(3) t(i))
       TO '${file}' (FORMAT parquet, FIELD_IDS {id: 1, t: 2, s: {__duckdb_field_id: 3, t: 4}, text: 200})`,
    ),
  )
  return file
}

let copies = 0

/** The rows of a copy: DuckDB remembers what it saw of a file. */
async function rows(file: string) {
  const copy = path.join(folder, `copy-${copies++}.parquet`)
  await copyFile(file, copy)
  return host.connect((connection) =>
    connection.run(`SELECT id, t::VARCHAR AS t, s.t::VARCHAR AS s, typeof(t) AS type FROM '${copy}' ORDER BY id`),
  )
}

async function footerOf(file: string): Promise<Buffer> {
  const bytes = await readFile(file)
  return bytes.subarray(bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8), bytes.length - 8)
}

describe('a Parquet file’s footer', () => {
  it('tells ids and logical types, and keeps everything but what is changed', async () => {
    const file = await written()
    const before = await rows(file)
    const seen: SchemaElement[] = []
    await changeLogicalTypes(file, (element) => {
      seen.push(element)
      return element.fieldId === 2 || element.fieldId === 4 ? moments : undefined
    })
    expect(seen.map(({ fieldId, logicalType }) => [fieldId, logicalType !== undefined])).toEqual([
      [undefined, false],
      [1, false],
      [2, true],
      [3, false],
      [4, true],
      [200, false],
    ])
    expect((await rows(file)).map(({ t, s, type }) => [t, s, type])).toEqual([
      ['1970-01-01 00:00:00+00', '1970-01-01 00:00:00+00', 'TIMESTAMP WITH TIME ZONE'],
      ['1970-01-01 00:00:00+00', '1970-01-01 00:00:00+00', 'TIMESTAMP WITH TIME ZONE'],
      ['1970-01-01 00:00:00+00', '1970-01-01 00:00:00+00', 'TIMESTAMP WITH TIME ZONE'],
    ])
    await declareClockTimes(file)
    expect(await rows(file)).toEqual(before)
    await expect(declareClockTimes(file)).rejects.toMatchObject({ code: 'PHLO_ICEBERG_UNSUPPORTED' })
  })

  it('may grow and shrink', async () => {
    const file = await written()
    const before = await rows(file)
    const { length } = await readFile(file)
    const shape = (crs: string) => Buffer.from([0x0c, 0x22, 0x18, crs.length, ...Buffer.from(crs), 0, 0])
    const marked = ({ fieldId }: SchemaElement, crs: string) => (fieldId === 200 ? shape(crs) : undefined)
    const size = await changeLogicalTypes(file, (element) => marked(element, 'c'.repeat(100)))
    expect(size).toBe((await readFile(file)).length)
    expect(size).toBe(length + 1 + shape('c'.repeat(100)).length)
    expect(await changeLogicalTypes(file, (element) => marked(element, 'c'))).toBe(size - 99)
    expect((await rows(file)).map(({ id, t }) => [id, t])).toEqual(before.map(({ id, t }) => [id, t]))
  })

  it('that is damaged is refused', async () => {
    const footer = await footerOf(await written())
    const attempt = (bytes: Uint8Array) => {
      try {
        withLogicalTypes(bytes, ({ logicalType }) => logicalType && moments)
      } catch (error) {
        if (!isPhloError(error, 'PHLO_ICEBERG_INVALID')) throw error
      }
    }
    for (let length = 0; length < footer.length; length++)
      expect(() => withLogicalTypes(footer.subarray(0, length), () => undefined)).toThrow(/end too early/)
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(footer.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (changes) => {
          const bytes = Buffer.from(footer)
          for (const [at, byte] of changes) bytes[at] = byte
          attempt(bytes)
        },
      ),
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt))
    // Lists in lists, and structs in structs.
    expect(() => withLogicalTypes(new Uint8Array(5000).fill(0x19), () => undefined)).toThrow(/too deeply/)
    expect(() => withLogicalTypes(new Uint8Array(5000).fill(0x1c), () => undefined)).toThrow(/too deeply/)
    const file = path.join(folder, 'none.parquet')
    for (const text of ['', 'PAR1', 'PAR1\xff\xff\xff\x7fPAR1', 'PAR1\x04\x00\x00\x00PARE']) {
      await writeFile(file, text, 'latin1')
      await expect(changeLogicalTypes(file, () => undefined)).rejects.toMatchObject({ code: 'PHLO_ICEBERG_INVALID' })
    }
  })
})
