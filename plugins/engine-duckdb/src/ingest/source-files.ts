import { stat } from 'node:fs/promises'
import path from 'node:path'
import { errorMessage, isPhloError, PhloError } from '@phlo/ports'

/** Throws PHLO_SOURCE_NOT_FOUND and PHLO_SOURCE_EMPTY, naming the file. */
export async function checkFiles(paths: readonly string[]): Promise<void> {
  for (const file of paths) {
    const stats = await stat(file).catch(() => undefined)
    if (!stats?.isFile())
      throw new PhloError('PHLO_SOURCE_NOT_FOUND', `The file ${file} is not there`, { location: { file } })
    if (stats.size === 0) {
      throw new PhloError('PHLO_SOURCE_EMPTY', `The file ${path.basename(file)} is empty: it has not even a header`, {
        hint: 'Take the file away, or deliver it again.',
        location: { file },
      })
    }
  }
}

export function sourceName(paths: readonly string[]): string {
  return paths.length === 1 ? path.basename(paths[0] as string) : `${paths.length} files`
}

/** What DuckDB says of a file that it cannot read, in Phlo's words; other errors as they are. */
export function asSourceError(error: unknown, paths: readonly string[]): unknown {
  if (isPhloError(error) && error.code !== 'PHLO_ENGINE_FAILED') return error
  const message = errorMessage(error)
  const malformed =
    /Malformed JSON|JSON transform error|No magic bytes|not a Parquet file|Invalid Parquet|TProtocolException|CSV Error|state machine|Corrupt|corrupt|too small to be a Parquet file|Invalid UTF-?8|unicode|invalid codepoint|ZSTD Decompression|GZIP|gzip|Prefetch|Failed to read|not enough|Couldn't decode|Maximum object size/i.test(
      message,
    )
  if (!malformed) return error
  const file = paths.find((candidate) => message.includes(candidate)) ?? (paths.length === 1 ? paths[0] : undefined)
  const line = /line:? (\d+)/i.exec(message)?.[1]
  const firstLine = (message.split('\n')[0] as string).replace(/^\w[\w ]* Error: /, '')
  return new PhloError(
    'PHLO_SOURCE_MALFORMED',
    `${file === undefined ? 'A source file' : path.basename(file)} cannot be read: ${firstLine}`,
    {
      hint: 'The file is damaged or of another format than its name says; nothing of it was taken in.',
      ...(file !== undefined && { location: { file, ...(line !== undefined && { line: Number(line) }) } }),
      cause: error,
    },
  )
}
