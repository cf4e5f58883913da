import { stat } from 'node:fs/promises'
import path from 'node:path'

/** Characters that mean more than themselves in a glob. */
const magic = /[*?[\]{}()!+@\\]/

/**
 * The files that a path or glob means, absolute, in the order of their names. What is there under exactly the given name
 * comes before what the name means as a glob, for the file and for the folders on the way to it.
 */
export async function expandGlob(pattern: string, folder: string): Promise<string[]> {
  const literal = path.resolve(folder, pattern)
  if (await isFile(literal)) return [literal]
  const { base, rest } = await splitBase(pattern.split(path.sep).join('/'), folder)
  const { glob } = await import('tinyglobby')
  const files = await glob([rest], { cwd: base, absolute: true, onlyFiles: true, dot: false, expandDirectories: false })
  return files.map((file) => path.normalize(file)).sort()
}

/** Folders that the pattern names outright, and the pattern below them. */
async function splitBase(pattern: string, folder: string): Promise<{ base: string; rest: string }> {
  const { root } = path.parse(pattern)
  let base = path.resolve(folder, root)
  const segments = pattern.slice(root.length).split('/')
  while (segments.length > 1) {
    const [segment = ''] = segments
    const next = path.join(base, segment)
    if (magic.test(segment) && !(await isFolder(next))) break
    base = next
    segments.shift()
  }
  return { base, rest: segments.join('/') }
}

async function isFile(candidate: string): Promise<boolean> {
  return (await stat(candidate).catch(() => undefined))?.isFile() ?? false
}

export async function isFolder(candidate: string): Promise<boolean> {
  return (await stat(candidate).catch(() => undefined))?.isDirectory() ?? false
}
