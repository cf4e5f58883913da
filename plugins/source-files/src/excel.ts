import path from 'node:path'
import { errorMessage, PhloError, type SourceRow } from '@phlo/ports'
import type { FilesOptions } from './options.js'

type Cell = string | number | boolean | Date | null

interface Sheet {
  readonly sheet: string
  readonly data: readonly (readonly Cell[])[]
}

/**
 * The rows of one sheet of an Excel file (.xlsx). The file is read as a whole when the first row is asked for. Dates come
 * as text without a zone, as Excel has none; formulas as the values that the file keeps of them.
 * Throws PHLO_SOURCE_MALFORMED for what is no such file, lacks the sheet or has a header that is not one.
 */
export async function* excelRows(
  file: string,
  { sheet = 1, skipLines = 0, columns, nullText }: Pick<FilesOptions, 'sheet' | 'skipLines' | 'columns' | 'nullText'>,
): AsyncGenerator<SourceRow> {
  const { default: readExcel } = await import('read-excel-file/node')
  // Its own types take a date for the function that makes dates.
  const sheets: readonly Sheet[] = await (readExcel as (file: string) => Promise<Sheet[]>)(file).catch(
    (error: unknown) => {
      throw malformed(file, `cannot be read as an Excel file: ${errorMessage(error)}`)
    },
  )
  const found = typeof sheet === 'number' ? sheets[sheet - 1] : sheets.find(({ sheet: name }) => name === sheet)
  if (!found) {
    const names = sheets.map(({ sheet: name }) => name).join(', ')
    throw malformed(file, `has no sheet ${JSON.stringify(sheet)}`, `Its sheets: ${names}`)
  }
  const names = columns ?? header(file, found.data[skipLines])
  for (const row of found.data.slice(skipLines + (columns ? 0 : 1))) {
    const values = row.map((value) => plain(value, nullText))
    if (values.some((value) => value !== null))
      yield Object.fromEntries(names.map((name, index) => [name, values[index] ?? null]))
  }
}

function header(file: string, row: readonly Cell[] | undefined): readonly string[] {
  const last = row?.findLastIndex((value) => value !== null) ?? -1
  const names = (row ?? []).slice(0, last + 1).map((value) => (value === null ? '' : String(plain(value))))
  if (names.length === 0) throw malformed(file, 'has no header', 'Say where it is: files({ path, skipLines: … })')
  const nameless = names.indexOf('')
  if (nameless >= 0) throw malformed(file, `has no name for column ${nameless + 1} in its header`)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw malformed(file, `has two columns named ${JSON.stringify(twice)}`)
  return names
}

function plain(value: Cell, nullText?: string): string | number | boolean | null {
  if (value === null || value === nullText) return null
  if (typeof value !== 'object') return value
  const text = value.toISOString().replace('Z', '')
  return text.endsWith('T00:00:00.000') ? text.slice(0, 10) : text
}

function malformed(file: string, problem: string, hint?: string): PhloError {
  return new PhloError('PHLO_SOURCE_MALFORMED', `${path.basename(file)} ${problem}`, {
    ...(hint !== undefined && { hint }),
    location: { file },
  })
}
