import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { isPhloError } from '../errors.js'
import type { Source, SourceInput, SourceReadContext } from '../source.js'
import type { TestRunner } from './runner.js'

/** A source with something to read. */
export interface SourceFixture {
  readonly source: Source
  /** Options with which there is data. */
  readonly options: unknown
  readonly projectDir: string
  /** The number of rows of an input, for those that are files. */
  readonly rows?: (input: Extract<SourceInput, { type: 'files' }>) => Promise<number>
  /** How many rows all inputs hold. Compared where they can be counted. */
  readonly expectedRows?: number
  /** Makes the data another; absent where `version` cannot tell. */
  readonly change?: () => Promise<void>
  readonly close?: () => Promise<void>
}

/**
 * What every Source must do.
 *
 * @param options.create - gives a source with data each time.
 * @param options.invalid - options that must be refused with PHLO_CONFIG_INVALID.
 * @param options.missing - options that name what is not there, which is PHLO_SOURCE_NOT_FOUND.
 */
export function sourceContract(
  name: string,
  options: {
    readonly create: () => Promise<SourceFixture>
    readonly invalid: readonly unknown[]
    readonly missing?: unknown
  },
  { describe, it }: TestRunner,
): void {
  describe(`Source contract: ${name}`, () => {
    const using = (title: string, body: (fixture: SourceFixture, context: SourceReadContext) => Promise<void>) =>
      it(title, async () => {
        const fixture = await options.create()
        try {
          await body(fixture, { projectDir: fixture.projectDir, signal: new AbortController().signal })
        } finally {
          await fixture.close?.()
        }
      })

    using('has a kind, a word that workflows can name', async ({ source }) => {
      assert.match(source.kind, /^[a-z][a-z0-9_-]*$/)
    })

    using('gives inputs that an engine can read: files that are there, or rows', async (fixture, context) => {
      const { inputs } = await fixture.source.read(fixture.options, context)
      assert.ok(inputs.length > 0)
      let rows = 0
      for (const input of inputs) {
        if (input.type === 'rows') {
          assert.notEqual(input.name, '')
          for await (const row of input.rows) {
            assert.equal(typeof row, 'object')
            rows++
          }
          continue
        }
        assert.ok(['parquet', 'csv', 'ndjson', 'json'].includes(input.format), input.format)
        assert.ok(input.paths.length > 0)
        assert.equal(new Set(input.paths).size, input.paths.length)
        for (const file of input.paths) {
          assert.ok(path.isAbsolute(file), file)
          assert.ok((await stat(file)).isFile(), file)
        }
        rows += (await fixture.rows?.(input)) ?? 0
      }
      if (fixture.expectedRows !== undefined) assert.equal(rows, fixture.expectedRows)
    })

    using('gives a cursor that JSON keeps, and reads on from it', async ({ source, options: given }, context) => {
      const first = await source.read(given, context)
      for (const input of first.inputs) if (input.type === 'rows') for await (const _ of input.rows);
      const cursor = first.cursor?.()
      assert.deepEqual(cursor === undefined ? undefined : JSON.parse(JSON.stringify(cursor)), cursor)
      if (cursor === undefined) return
      const next = await source.read(given, { ...context, cursor })
      for (const input of next.inputs) if (input.type === 'rows') for await (const _ of input.rows);
    })

    using('gives the same version until the data changes', async ({ source, options: given, change }, context) => {
      const version = await source.version(given, context)
      assert.equal(await source.version(given, context), version)
      await source.read(given, context)
      assert.equal(await source.version(given, context), version)
      if (!change) return
      assert.notEqual(version, undefined)
      await change()
      assert.notEqual(await source.version(given, context), version)
    })

    using('leaves the options as they are', async ({ source, options: given }, context) => {
      const before = JSON.stringify(given)
      await source.read(given, context)
      await source.version(given, context)
      assert.equal(JSON.stringify(given), before)
    })

    using('refuses options that are wrong', async ({ source }, context) => {
      assert.ok(options.invalid.length > 0, 'give options that are wrong')
      for (const wrong of options.invalid) {
        const refused = (error: unknown) => isPhloError(error, 'PHLO_CONFIG_INVALID')
        await assert.rejects(source.read(wrong, context), refused, JSON.stringify(wrong))
        await assert.rejects(source.version(wrong, context), refused, JSON.stringify(wrong))
      }
    })

    if ('missing' in options) {
      using('says when there is nothing of that name', async ({ source }, context) => {
        await assert.rejects(source.read(options.missing, context), (error: unknown) =>
          isPhloError(error, 'PHLO_SOURCE_NOT_FOUND'),
        )
      })
    }
  })
}
