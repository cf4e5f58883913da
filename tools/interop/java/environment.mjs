import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const pom = fileURLToPath(new URL('./pom.xml', import.meta.url))
const sources = fileURLToPath(new URL('./src/main/java/phlo/interop', import.meta.url))

/**
 * The classpath of the compiled witness and of Iceberg Java, made when it is not there. It lies in the user's cache folder
 * under a name that the sources and the pins decide. Throws when Java, Maven or a package cannot be had: what cannot be
 * compared has not been confirmed.
 */
export async function javaWithIceberg() {
  const hash = createHash('sha256').update(await readFile(pom))
  for (const name of (await readdir(sources)).sort()) hash.update(name).update(await readFile(path.join(sources, name)))
  const key = `java-${hash.digest('hex').slice(0, 16)}`
  const cache = path.join(process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'phlo', 'interop')
  const folder = path.join(cache, key)
  const classpath = [path.join(folder, 'classes'), path.join(folder, 'lib', '*')].join(path.delimiter)
  // Made aside and then renamed, so that nobody ever sees half of one.
  const draft = path.join(cache, `${key}-${randomUUID()}`)
  try {
    await run('java', ['-version'])
    if (existsSync(folder)) return classpath
    await mkdir(cache, { recursive: true })
    const goals = ['compiler:compile', 'dependency:copy-dependencies']
    await run('mvn', ['--quiet', '--batch-mode', '--file', pom, `-Dfolder=${draft}`, ...goals], {
      maxBuffer: 64 * 1024 * 1024,
    })
    await rename(draft, folder)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    if (existsSync(folder) && error.code !== 'ENOENT') return classpath
    throw new Error(
      `Iceberg Java needs a JDK 17 or newer (java), Maven (mvn) and a package registry: ${error.stdout || error.message}`,
      { cause: error },
    )
  }
  return classpath
}
