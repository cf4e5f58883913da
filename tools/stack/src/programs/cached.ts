import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { cacheFolder } from '../places.js'

/** File of an entry that says what it must hold. */
const contentsFile = 'phlo-contents.json'

interface FileContent {
  /** Bytes. */
  readonly size: number
  /** Milliseconds: a file that was not written to since need not be read again. */
  readonly modified: number
  readonly sha256: string
}

/** By the file's path in the entry. */
type Contents = Readonly<Record<string, FileContent>>

/**
 * The folder of something that was fetched, from the cache or by `fetch` into an empty folder. An entry appears under its
 * name only when it is whole, and is fetched again when a file of it is not what it was. Of several processes that fetch
 * the same, the first to finish wins.
 */
export async function cached(key: string, fetch: (folder: string) => Promise<void>): Promise<string> {
  const entry = path.join(cacheFolder(), key)
  if (await isWhole(entry)) return entry
  const draft = `${entry}-${randomUUID()}`
  try {
    await mkdir(draft, { recursive: true })
    await fetch(draft)
    await writeFile(path.join(draft, contentsFile), JSON.stringify(await contentsOf(draft)))
    await place(draft, entry)
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
  return entry
}

async function place(draft: string, entry: string): Promise<void> {
  if (await isWhole(entry)) return
  const broken = `${entry}-${randomUUID()}`
  try {
    await rename(entry, broken)
  } catch {
    // There was none.
  }
  try {
    await rename(draft, entry)
  } catch (error) {
    if (!(await isWhole(entry))) throw error
  } finally {
    await rm(broken, { recursive: true, force: true })
  }
}

async function isWhole(entry: string): Promise<boolean> {
  try {
    const contents = JSON.parse(await readFile(path.join(entry, contentsFile), 'utf8')) as Contents
    for (const [name, { size, modified, sha256 }] of Object.entries(contents)) {
      const file = path.join(entry, name)
      const found = await stat(file)
      if (found.size !== size) return false
      if (found.mtimeMs !== modified && (await sha256Of(file)) !== sha256) return false
    }
    return true
  } catch {
    return false
  }
}

async function contentsOf(folder: string): Promise<Contents> {
  const contents: Record<string, FileContent> = {}
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name)
    if (!entry.isFile()) continue
    const { size, mtimeMs } = await stat(file)
    contents[path.relative(folder, file)] = { size, modified: mtimeMs, sha256: await sha256Of(file) }
  }
  return contents
}

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}
