import { open } from 'node:fs/promises'
import path from 'node:path'
import { createGunzip } from 'node:zlib'
import { PhloError, type RowSchema } from '@phlo/ports'

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
  delimiter: string | undefined,
): Promise<CsvHeader> {
  const text = await firstRecord(file)
  if (text.trim() === '') {
    throw new PhloError('PHLO_SOURCE_EMPTY', `The file ${path.basename(file)} has no header`, {
      location: { file, line: 1 },
    })
  }
  const declared = new Set(schema.columns.map(({ name }) => name))
  const candidates = (delimiter === undefined ? delimiters : [delimiter]).map((candidate) => ({
    delimiter: candidate,
    columns: splitRecord(text, candidate),
  }))
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

/** The text up to the first line break outside quotes, without a byte order mark. */
async function firstRecord(file: string): Promise<string> {
  const handle = await open(file, 'r')
  try {
    const raw = handle.createReadStream({ highWaterMark: 16 * 1024, autoClose: false })
    const stream = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw
    let text = ''
    for await (const chunk of stream) {
      text += (chunk as Buffer).toString('utf8')
      const end = endOfRecord(text)
      if (end !== undefined) {
        raw.destroy()
        return text.slice(0, end).replace(/^\uFEFF/, '')
      }
      if (text.length > longestHeader) {
        throw new PhloError(
          'PHLO_SOURCE_MALFORMED',
          `The header of ${path.basename(file)} does not end within a megabyte`,
          {
            location: { file, line: 1 },
          },
        )
      }
    }
    return text.replace(/^\uFEFF/, '')
  } finally {
    await handle.close()
  }
}

function endOfRecord(text: string): number | undefined {
  let quoted = false
  for (let index = 0; index < text.length; index++) {
    const char = text[index]
    if (char === '"') quoted = !quoted
    else if (!quoted && (char === '\n' || char === '\r')) return index
  }
  return undefined
}

/** RFC 4180: fields may stand in double quotes, a doubled quote within is one. */
function splitRecord(text: string, delimiter: string): string[] {
  const fields: string[] = []
  let field = ''
  let quoted = false
  for (let index = 0; index < text.length; index++) {
    const char = text[index] as string
    if (quoted) {
      if (char !== '"') field += char
      else if (text[index + 1] === '"') field += text[++index] as string
      else quoted = false
    } else if (char === '"' && field === '') quoted = true
    else if (char === delimiter) {
      fields.push(field)
      field = ''
    } else field += char
  }
  return [...fields, field]
}
