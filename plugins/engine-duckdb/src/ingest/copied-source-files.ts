import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { FileInput } from '@phlo/ports'
import { unifyLineEndings } from './line-endings.js'
import { copyPlain, isPlain } from './plain-text.js'

/** An input whose files were copied, and what each copy was made of. */
export interface CopiedFiles {
  readonly input: FileInput
  readonly originals: ReadonlyMap<string, string>
}

/** The same input with copies of its files that have one kind of line ending. */
export async function withUnifiedLines(input: FileInput, folder: string): Promise<CopiedFiles> {
  return copied(input, folder, (file, copy) => unifyLineEndings(file, copy, input.quote))
}

/** Whether DuckDB cannot read the files as they are: for their encoding, or how they are compressed. */
export function needsCopies(input: FileInput): boolean {
  return input.encoding !== undefined || !input.paths.every(isPlain)
}

/** The same input with copies in UTF-8 that are not compressed. Throws PHLO_SOURCE_MALFORMED. */
export async function plainCopies(input: FileInput, folder: string): Promise<CopiedFiles> {
  const { encoding, ...rest } = input
  return copied(rest, folder, (file, copy) => copyPlain(file, copy, encoding))
}

/** Copies keep their names, which messages tell, each in a folder of its own. */
async function copied(
  input: FileInput,
  folder: string,
  copy: (from: string, to: string) => Promise<void>,
): Promise<CopiedFiles> {
  const originals = new Map<string, string>()
  for (const [index, file] of input.paths.entries()) {
    const target = path.join(folder, `${index}`, path.basename(file).replace(/\.(gz|zst|br)$/i, ''))
    await mkdir(path.dirname(target), { recursive: true })
    await copy(file, target)
    originals.set(target, file)
  }
  return { input: { ...input, paths: [...originals.keys()] }, originals }
}
