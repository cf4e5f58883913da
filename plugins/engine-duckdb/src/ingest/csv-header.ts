import { open } from 'node:fs/promises'
import path from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { type FileInput, PhloError, type RowSchema } from '@phlo/ports'

/** The first record of a CSV file and the separator that it was split at. */
export interface CsvHeader {
  readonly delimiter: string
  readonly columns: readonly string[]
}

/** No header is longer. */
const longestHeader = 1024 * 1024
const delimiters = [',', ';', '\t', '|']

/**
 * Reads the header. Of several separators, the one wins that finds most of the schema's columns.
 * Throws PHLO_SOURCE_MALFORMED for a header that does not end or names a column twice, PHLO_SOURCE_EMPTY without one.
 */
export async function readCsvHeader(
  file: string,
  schema: RowSchema,
  input: Omit<FileInput, 'type' | 'format' | 'paths'>,
): Promise<CsvHeader> {
  const { delimiter, columns: given, quote = '"' } = input
  const text = await firstRecord(file, { quote, comment: input.comment, skipLines: input.skipLines ?? 0 })
  if (text.trim() === '') {
    throw new PhloError('PHLO_SOURCE_EMPTY', `The file ${path.basename(file)} has no header`, {
      location: { file, line: 1 },
    })
  }
  const declared = new Set(schema.columns.map(({ name }) => name))
  const candidates = (delimiter === undefined ? delimiters : [delimiter]).map((candidate) => ({
    delimiter: candidate,
    columns: splitRecord(text, candidate, quote),
  }))
  if (given) {
    const fits = candidates.find(({ columns }) => columns.length === given.length) ?? candidates[0]
    return { delimiter: fits?.delimiter ?? ',', columns: given }
  }
  const score = ({ columns }: CsvHeader) => columns.filter((name) => declared.has(name)).length * 1000 + columns.length
  const best = candidates.reduce((winner, candidate) => (score(candidate) > score(winner) ? candidate : winner))
  const twice = best.columns.find((name, index) => best.columns.indexOf(name) !== index)
  if (twice !== undefined) {
    throw new PhloError(
      'PHLO_SOURCE_MALFORMED',
      `${path.basename(file)} has two columns named ${JSON.stringify(twice)}`,
      {
        location: { file, line: 1 },
      },
    )
  }
  return best
}

interface RecordOptions {
  readonly quote: string
  readonly comment: string | undefined
  /** Lines before the first record. */
  readonly skipLines: number
}

/** The first record that is no comment: the text up to a line break outside quotes, without a byte order mark. */
async function firstRecord(file: string, options: RecordOptions): Promise<string> {
  const handle = await open(file, 'r')
  try {
    const stream = handle.createReadStream({ highWaterMark: 16 * 1024, autoClose: false })
    const decoder = new StringDecoder('utf8')
    let text = ''
    for await (const chunk of stream) {
      text += decoder.write(chunk as Buffer)
      const record = recordIn(text, options, false)
      if (record !== undefined) {
        stream.destroy()
        return record
      }
      if (text.length > longestHeader) {
        throw new PhloError(
          'PHLO_SOURCE_MALFORMED',
          `The header of ${path.basename(file)} does not end within a megabyte`,
          { location: { file, line: 1 } },
        )
      }
    }
    return recordIn(text + decoder.end(), options, true) ?? ''
  } finally {
    await handle.close()
  }
}

/** `undefined` while the record may not have ended yet; `whole`: nothing follows the text. */
function recordIn(given: string, { quote, comment, skipLines }: RecordOptions, whole: boolean): string | undefined {
  const text = given.replace(/^\uFEFF/, '')
  let start = 0
  for (let lines = 0; ; lines++) {
    if (lines >= skipLines && (comment === undefined || text[start] !== comment)) break
    const next = afterLine(text, start)
    if (next === undefined) return whole ? '' : undefined
    start = next
  }
  let quoted = false
  for (let index = start; index < text.length; index++) {
    const char = text[index]
    if (char === quote) quoted = !quoted
    else if (!quoted && (char === '\n' || char === '\r')) return text.slice(start, index)
  }
  return whole ? text.slice(start) : undefined
}

/** Where the next line begins; `undefined` where that cannot be told yet. */
function afterLine(text: string, start: number): number | undefined {
  const end = /\r\n|\n|\r(?=[^])/g
  end.lastIndex = start
  const found = end.exec(text)
  return found ? found.index + found[0].length : undefined
}

/** RFC 4180: fields may stand in quotes, a doubled quote within is one. */
function splitRecord(text: string, delimiter: string, quote: string): string[] {
  const fields: string[] = []
  let field = ''
  let quoted = false
  for (let index = 0; index < text.length; index++) {
    const char = text[index] as string
    if (quoted) {
      if (char !== quote) field += char
      else if (text[index + 1] === quote) field += text[++index] as string
      else quoted = false
    } else if (char === quote && field === '') quoted = true
    else if (char === delimiter) {
      fields.push(field)
      field = ''
    } else field += char
  }
  return [...fields, field]
}
