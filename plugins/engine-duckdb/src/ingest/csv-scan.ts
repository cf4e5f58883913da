import { randomUUID } from 'node:crypto'
import { type FileInput, PhloError, type RowSchema } from '@phlo/ports'
import { identifier, literal } from '../duckdb-dialect.js'
import { fileColumn } from './bronze-columns.js'
import { type CsvHeader, readCsvHeader } from './csv-header.js'
import type { SourceType } from './lossless-cast.js'
import type { Scan } from './scan.js'
import { checkColumns } from './source-columns.js'
import { sourceName } from './source-files.js'

/** CSV files as a scan: every field as text, columns found by the header's names. */
export async function csvScan(
  input: FileInput,
  schema: RowSchema,
  unexpected: 'freeze' | 'discard_value',
  withFile = false,
): Promise<Scan> {
  for (const name of ['delimiter', 'quote', 'escape', 'comment'] as const) {
    const text = input[name]
    if (text === undefined || text.length === 1) continue
    throw new PhloError('PHLO_CONFIG_INVALID', `CSV’s ${name} is one character, not ${JSON.stringify(text)}`)
  }
  const id = randomUUID().replaceAll('-', '')
  const { quote = '"', escape = quote, skipLines = 0 } = input
  const linesBefore = skipLines + (input.columns ? 0 : 1)
  const malformedRows = { errors: `errors_${id}`, scans: `scans_${id}`, linesBefore }
  const headers: CsvHeader[] = []
  for (const file of input.paths) {
    const header = await readCsvHeader(file, schema, input)
    checkColumns(schema, header.columns, sourceName([file]), unexpected)
    headers.push(header)
  }
  const present = schema.columns.filter(({ name }) => headers.some(({ columns }) => columns.includes(name)))
  const types = new Map<string, SourceType>(present.map(({ name }) => [name, 'text']))
  /** Files with the same header are read together. */
  const groups = new Map<string, { header: CsvHeader; paths: string[] }>()
  input.paths.forEach((file, index) => {
    const header = headers[index] as CsvHeader
    const key = JSON.stringify(header)
    const group = groups.get(key)
    if (group) group.paths.push(file)
    else groups.set(key, { header, paths: [file] })
  })
  const rejects = `store_rejects = true, rejects_table = ${literal(malformedRows.errors)}, rejects_scan = ${literal(malformedRows.scans)}`
  const file = withFile ? `filename = ${literal(fileColumn)}, ` : ''
  const own = withFile ? `, ${fileColumn}` : ''
  const columnsOf = (header: CsvHeader) =>
    present
      .map(({ name }) =>
        header.columns.includes(name) ? identifier(name) : `CAST(NULL AS VARCHAR) AS ${identifier(name)}`,
      )
      .join(', ')
  const reader = ({ columns, delimiter }: CsvHeader, paths: readonly string[], mode: string) =>
    `read_csv([${paths.map(literal).join(', ')}], auto_detect = false, header = ${!input.columns}, skip = ${skipLines}, ` +
    (input.comment === undefined ? '' : `comment = ${literal(input.comment)}, `) +
    `columns = {${columns.map((name) => `${literal(name)}: 'VARCHAR'`).join(', ')}}, ${file}` +
    `delim = ${literal(delimiter)}, quote = ${literal(quote)}, escape = ${literal(escape)}, allow_quoted_nulls = false, ` +
    `nullstr = ${input.nullText === undefined ? "''" : `['', ${literal(input.nullText)}]`}, ${mode})`
  return {
    name: sourceName(input.paths),
    select: [...groups.values()]
      .map(({ header, paths }) => `SELECT ${columnsOf(header)}${own} FROM ${reader(header, paths, rejects)}`)
      .join(' UNION ALL '),
    types,
    files: input.paths.map((file, index) => {
      const header = headers[index] as CsvHeader
      return {
        file,
        select:
          `SELECT ${columnsOf(header)}, row_number() OVER () AS _phlo_row, to_json(t)::VARCHAR AS _phlo_text ` +
          `FROM ${reader(header, [file], 'ignore_errors = true')} AS t`,
      }
    }),
    malformedRows,
  }
}
