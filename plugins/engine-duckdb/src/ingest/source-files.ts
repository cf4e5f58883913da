import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { errorMessage, type FileInput, isPhloError, PhloError } from '@phlo/ports'

/** Throws PHLO_SOURCE_NOT_FOUND and PHLO_SOURCE_EMPTY, naming the file. */
export async function checkFiles(paths: readonly string[]): Promise<void> {
  for (const file of paths) {
    const stats = await stat(file).catch(() => undefined)
    if (!stats?.isFile())
      throw new PhloError('PHLO_SOURCE_NOT_FOUND', `The file ${file} is not there`, { location: { file } })
    if (stats.size === 0) {
      throw new PhloError('PHLO_SOURCE_EMPTY', `The file ${path.basename(file)} is empty`, {
        hint: 'Take the file away, or deliver it again.',
        location: { file },
      })
    }
  }
}

export function sourceName(paths: readonly string[]): string {
  return paths.length === 1 ? path.basename(paths[0] as string) : `${paths.length} files`
}

const malformedMessage =
  /Malformed JSON|JSON transform error|top-level JSON array|No magic bytes|not a Parquet file|Invalid Parquet|TProtocolException|CSV Error|state machine|Corrupt|corrupt|too small to be a Parquet file|Invalid UTF-?8|unicode|invalid codepoint|ZSTD Decompression|GZIP|gzip|Prefetch|Failed to read|not enough|Couldn't decode|Maximum object size/i

/** What DuckDB or zlib says of a file that it cannot read, in Phlo's words; other errors as they are. */
export async function asSourceError(error: unknown, input: Pick<FileInput, 'paths' | 'format'>): Promise<unknown> {
  if (isPhloError(error) && error.code !== 'PHLO_ENGINE_FAILED') return error
  const message = errorMessage(error)
  if (!malformedMessage.test(message)) return error
  const { paths } = input
  const file = paths.find((candidate) => message.includes(candidate)) ?? (paths.length === 1 ? paths[0] : undefined)
  const told = /line:? (\d+)/i.exec(message)
  const count = told ? Number(told[1]) : undefined
  const line =
    file !== undefined && count !== undefined && input.format === 'ndjson'
      ? await lineOfRecord(file, count - (/Malformed JSON/.test(message) ? 1 : 0))
      : count
  const firstLine = (message.split('\n')[0] as string)
    .replace(/^\w[\w ]* Error: /, '')
    .replace(/ (?:at byte \d+ )?in line \d+/, line === undefined ? '' : ` in line ${line}`)
    .replace(/ Try auto-detecting.*$/, '')
    .trim()
  return new PhloError(
    'PHLO_SOURCE_MALFORMED',
    `${file === undefined ? 'A source file' : path.basename(file)} cannot be read: ${firstLine}`,
    {
      hint: 'The file is damaged or of another format than its name says; nothing of it was taken in.',
      ...(file !== undefined && { location: { file, ...(line !== undefined && { line }) } }),
      cause: error,
    },
  )
}

/** DuckDB counts records of JSON lines, from 1; blank lines are none. */
async function lineOfRecord(file: string, record: number): Promise<number | undefined> {
  const raw = createReadStream(file)
  const lines = createInterface({ input: raw, crlfDelay: Infinity })
  let line = 0
  let records = 0
  try {
    for await (const text of lines) {
      line++
      if (text.trim() !== '' && ++records === record) return line
    }
  } finally {
    raw.destroy()
  }
  return undefined
}
