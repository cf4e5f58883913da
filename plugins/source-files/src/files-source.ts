import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import {
  errorMessage,
  type FileInput,
  PhloError,
  type Source,
  type SourceRead,
  type SourceReadContext,
} from '@phlo/ports'
import { z } from 'zod'
import { expandGlob, isFolder } from './glob.js'
import { FilesOptions } from './options.js'

const formats: Readonly<Record<string, FileInput['format']>> = {
  '.parquet': 'parquet',
  '.pq': 'parquet',
  '.csv': 'csv',
  '.tsv': 'csv',
  '.txt': 'csv',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.json': 'json',
}

/** Files on this machine, by path or glob; compressed ones (`.gz`) as they are. */
export class FilesSource implements Source {
  readonly kind = 'files'

  async read(options: unknown, context: SourceReadContext): Promise<SourceRead> {
    const parsed = parseOptions(options)
    const paths = await findFiles(parsed, context.projectDir)
    if (paths.length === 0) throw await nothingFound(parsed, context.projectDir)
    const groups = new Map<FileInput['format'], string[]>()
    for (const file of paths) {
      const format = parsed.format ?? formatOf(file)
      groups.set(format, [...(groups.get(format) ?? []), file])
    }
    return {
      inputs: [...groups].map(([format, files]): FileInput => {
        const delimiter = parsed.delimiter ?? (files.every((file) => /\.tsv(\.gz)?$/i.test(file)) ? '\t' : undefined)
        return {
          type: 'files',
          format,
          paths: files,
          ...(delimiter !== undefined && { delimiter }),
          ...(parsed.nullText !== undefined && { nullText: parsed.nullText }),
        }
      }),
    }
  }

  /** Paths, sizes and times of change. */
  async version(options: unknown, context: SourceReadContext): Promise<string | undefined> {
    const parsed = parseOptions(options)
    const hash = createHash('sha256').update(JSON.stringify(parsed))
    for (const file of await findFiles(parsed, context.projectDir)) {
      const { size, mtimeMs } = await stat(file).catch((error: unknown) => {
        throw new PhloError('PHLO_SOURCE_FAILED', `The file ${file} cannot be looked at: ${errorMessage(error)}`, {
          retryable: true,
          cause: error,
        })
      })
      hash.update(JSON.stringify([file, size, mtimeMs]))
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

/** Each file once, those of a glob in the order of their names. */
async function findFiles(options: FilesOptions, projectDir: string): Promise<string[]> {
  const found = new Set<string>()
  for (const pattern of patterns(options)) for (const file of await expandGlob(pattern, projectDir)) found.add(file)
  return [...found]
}

function formatOf(file: string): FileInput['format'] {
  const extension = path.extname(file.replace(/\.gz$/i, '')).toLowerCase()
  const format = formats[extension]
  if (format) return format
  throw new PhloError('PHLO_CONFIG_INVALID', `The format of ${path.basename(file)} cannot be told from its name`, {
    hint: `Say it: files({ path, format: 'csv' }). Known endings: ${Object.keys(formats).join(' ')}`,
  })
}
