import { createHash } from 'node:crypto'
import path from 'node:path'
import {
  type FileInput,
  PhloError,
  type Source,
  type SourceInput,
  type SourceRead,
  type SourceReadContext,
} from '@phlo/ports'
import { z } from 'zod'
import { arrowBatches } from './arrow.js'
import { detectEncoding } from './encoding.js'
import { excelRows } from './excel.js'
import { findFiles, type FoundFile, lookAt } from './found-files.js'
import { isFolder } from './glob.js'
import { FilesOptions } from './options.js'
import { SeenFiles } from './seen-files.js'

type Format = NonNullable<FilesOptions['format']>

const formats: Readonly<Record<string, Format>> = {
  '.parquet': 'parquet',
  '.pq': 'parquet',
  '.csv': 'csv',
  '.tsv': 'csv',
  '.txt': 'csv',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.json': 'json',
  '.arrow': 'arrow',
  '.arrows': 'arrow',
  '.feather': 'arrow',
  '.xlsx': 'excel',
}
const compressed = /\.(gz|zst|br)$/i

/** Files on this machine, by path or glob; compressed ones (`.gz`, `.zst`, `.br`) as they are. */
export class FilesSource implements Source {
  readonly kind = 'files'

  async read(options: unknown, { projectDir, cursor }: SourceReadContext): Promise<SourceRead> {
    const parsed = parseOptions(options)
    const paths = await findFiles(patterns(parsed), projectDir)
    if (!parsed.once) {
      if (paths.length === 0) throw await nothingFound(parsed, projectDir)
      return { inputs: await inputs(paths, parsed) }
    }
    if (paths.length === 0 && cursor === undefined) throw await nothingFound(parsed, projectDir)
    const seen = SeenFiles.fromCursor(cursor, projectDir)
    const fresh: FoundFile[] = []
    for (const file of paths) {
      const found = await lookAt(file)
      if (!seen.has(found)) fresh.push(found)
    }
    const read = await inputs(
      fresh.map(({ file }) => file),
      parsed,
    )
    return { inputs: read, cursor: () => seen.cursorWith(fresh) }
  }

  /** Paths, sizes and times of change. */
  async version(options: unknown, { projectDir }: SourceReadContext): Promise<string | undefined> {
    const parsed = parseOptions(options)
    const hash = createHash('sha256').update(JSON.stringify(parsed))
    for (const path of await findFiles(patterns(parsed), projectDir)) {
      const { file, size, changed } = await lookAt(path)
      hash.update(JSON.stringify([file, size, changed]))
    }
    return hash.digest('hex').slice(0, 32)
  }
}

function parseOptions(options: unknown): FilesOptions {
  const parsed = FilesOptions.safeParse(options)
  if (parsed.success) return parsed.data
  throw new PhloError('PHLO_CONFIG_INVALID', `files(): ${z.prettifyError(parsed.error)}`)
}

async function nothingFound(options: FilesOptions, projectDir: string): Promise<PhloError> {
  const given = patterns(options)
  for (const pattern of given) {
    if (!(await isFolder(path.resolve(projectDir, pattern)))) continue
    return new PhloError('PHLO_SOURCE_NOT_FOUND', `${pattern} is a folder, and files() takes files`, {
      hint: `Say which files in it: ${path.posix.join(pattern, '*.csv')}`,
    })
  }
  return new PhloError('PHLO_SOURCE_NOT_FOUND', `No file matches ${given.join(', ')}`, {
    hint: `Paths start at the project’s folder, ${projectDir}.`,
  })
}

function patterns({ path: given }: FilesOptions): readonly string[] {
  return typeof given === 'string' ? [given] : given
}

/** Files that are read alike make one input, in the order in which their first files came. */
async function inputs(paths: readonly string[], options: FilesOptions): Promise<SourceInput[]> {
  const groups = new Map<string, SourceInput & { readonly paths?: string[] }>()
  for (const file of paths) {
    const format = options.format ?? formatOf(file)
    if (format === 'arrow' || format === 'excel') {
      const rows = {
        [Symbol.asyncIterator]: () => (format === 'arrow' ? arrowBatches(file) : excelRows(file, options)),
      }
      groups.set(file, { type: 'rows', rows, name: file })
      continue
    }
    const encoding = format === 'parquet' ? undefined : (options.encoding ?? (await detectEncoding(file)))
    const input = {
      type: 'files',
      format,
      ...(format === 'csv' && dialect(options, file)),
      ...(encoding && { encoding }),
    } as const
    const key = JSON.stringify(input)
    const group = groups.get(key)
    if (group?.paths) group.paths.push(file)
    else groups.set(key, { ...input, paths: [file] })
  }
  return [...groups.values()]
}

/** What CSV's reader is told, beside what it finds itself. */
function dialect(options: FilesOptions, file: string): Omit<FileInput, 'type' | 'format' | 'paths' | 'encoding'> {
  const { nullText, quote, escape, comment, skipLines, columns } = options
  const delimiter = options.delimiter ?? (/\.tsv$/i.test(file.replace(compressed, '')) ? '\t' : undefined)
  return {
    ...(delimiter !== undefined && { delimiter }),
    ...(nullText !== undefined && { nullText }),
    ...(quote !== undefined && { quote }),
    ...(escape !== undefined && { escape }),
    ...(comment !== undefined && { comment }),
    ...(skipLines !== undefined && { skipLines }),
    ...(columns !== undefined && { columns }),
  }
}

function formatOf(file: string): Format {
  const extension = path.extname(file.replace(compressed, '')).toLowerCase()
  const format = formats[extension]
  if (format) return format
  throw new PhloError('PHLO_CONFIG_INVALID', `The format of ${path.basename(file)} cannot be told from its name`, {
    hint: `Say it: files({ path, format: 'csv' }). Known endings: ${Object.keys(formats).join(' ')}`,
  })
}
