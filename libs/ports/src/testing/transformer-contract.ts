import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { type ErrorCode, isPhloError, type SourceLocation } from '../errors.js'
import { formatIdentifier } from '../table-identifier.js'
import type { Transformer } from '../transformer.js'
import type { TestRunner } from './runner.js'

/** A project that must be refused. */
export interface BrokenProject {
  readonly title: string
  readonly create: () => Promise<Transformer>
  readonly code: ErrorCode
  /** Where the fault is: the end of the file's path, and the line. */
  readonly file: string
  readonly line: number
}

/**
 * What every Transformer must do.
 *
 * @param options.create - gives a transformer of a sound project in which at least one model reads another one.
 * @param options.broken - projects that are wrong; each must be refused with its code and place.
 */
export function transformerContract(
  name: string,
  options: { readonly create: () => Promise<Transformer>; readonly broken: readonly BrokenProject[] },
  { describe, it }: TestRunner,
): void {
  describe(`Transformer contract: ${name}`, () => {
    it('gives the same models every time', async () => {
      const transformer = await options.create()
      const plain = async () =>
        (await transformer.models()).map((model) => JSON.parse(JSON.stringify(model)) as Record<string, unknown>)
      assert.deepEqual(await plain(), await plain())
    })

    it('names every model and every table once, and its inputs without doubles', async () => {
      const models = await (await options.create()).models()
      assert.ok(models.length > 1, 'give a project of several models')
      for (const texts of [
        models.map(({ name: own }) => own),
        models.map(({ target }) => formatIdentifier(target)),
        ...models.map(({ inputs }) => inputs.map(formatIdentifier)),
      ]) {
        assert.equal(new Set(texts).size, texts.length, texts.join(', '))
        for (const text of texts) assert.notEqual(text, '')
      }
      const targets = new Set(models.map(({ target }) => formatIdentifier(target)))
      const linked = models.some(({ inputs }) => inputs.some((input) => targets.has(formatIdentifier(input))))
      assert.ok(linked, 'no model reads another one')
    })

    it('gives SQL that is rendered', async () => {
      for (const { sql, name: own } of await (await options.create()).models()) {
        assert.notEqual(sql.trim(), '', own)
        assert.doesNotMatch(sql, /\{\{|\{%/, own)
      }
    })

    it('says where models and tests stand, in files that are there', async () => {
      for (const model of await (await options.create()).models()) {
        for (const location of [model.location, ...model.tests.map((test) => test.location)]) {
          await assertPlace(location)
        }
      }
    })

    it('finds the place in the user’s file for a place of the compiled SQL', async () => {
      for (const model of await (await options.create()).models()) {
        const lines = model.sql.split('\n')
        for (const [index, line] of lines.entries()) {
          if (model.locate) await assertPlace(model.locate({ line: index + 1, column: Math.max(1, line.length) }))
        }
      }
    })

    it('gives tests a kind, a severity and a name', async () => {
      for (const { tests } of await (await options.create()).models()) {
        for (const test of tests) {
          assert.notEqual(test.kind, '')
          assert.match(test.name, /^\w+$/)
          assert.ok(['warn', 'error'].includes(test.severity))
        }
        assert.equal(new Set(tests.map((test) => test.name)).size, tests.length)
      }
    })

    for (const { title, create, code, file, line } of options.broken) {
      it(`refuses ${title}, and says where`, async () => {
        const transformer = await create()
        await assert.rejects(transformer.models(), (error: unknown) => {
          if (!isPhloError(error)) throw error
          assert.equal(error.code, code, error.message)
          assert.ok(error.location?.file.endsWith(file), `${String(error.location?.file)} is not ${file}`)
          assert.equal(error.location?.line, line, error.message)
          return true
        })
      })
    }
  })
}

/** The place is in a file, and the line and column are in its text. */
async function assertPlace({ file, line = 1, column = 1 }: SourceLocation): Promise<void> {
  assert.ok(path.isAbsolute(file), file)
  assert.ok((await stat(file)).isFile(), file)
  const lines = (await readFile(file, 'utf8')).split('\n')
  assert.ok(line >= 1 && line <= lines.length, `${file} has no line ${line}`)
  assert.ok(column >= 1 && column <= (lines[line - 1] as string).length + 1, `${file}:${line} has no column ${column}`)
}
