import { stat } from 'node:fs/promises'
import path from 'node:path'

/** The files that a path or glob means, absolute, in the order of their names. A file of exactly that name comes first. */
export async function expandGlob(pattern: string, folder: string): Promise<string[]> {
  const literal = path.resolve(folder, pattern)
  const found = await stat(literal).catch(() => undefined)
  if (found?.isFile()) return [literal]
  const { glob } = await import('tinyglobby')
  const files = await glob([pattern.split(path.sep).join('/')], {
    cwd: folder,
    absolute: true,
    onlyFiles: true,
    dot: false,
  })
  return files.map((file) => path.normalize(file)).sort()
}
