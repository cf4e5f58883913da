import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const requirements = fileURLToPath(new URL('./requirements.txt', import.meta.url))

/**
 * The interpreter of a virtual environment with the pinned readers, made when it is not there. It lies in the user's
 * cache folder under a name that the pins decide. Throws when Python or a package cannot be had: what cannot be compared
 * has not been confirmed.
 */
export async function pythonWithReaders() {
  const pins = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 16)
  const cache = path.join(process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'phlo', 'interop')
  const folder = path.join(cache, pins)
  const interpreter = path.join(folder, 'bin', 'python')
  if (existsSync(interpreter)) return interpreter
  await mkdir(cache, { recursive: true })
  // Made aside and then renamed, so that nobody ever sees half of one.
  const draft = path.join(cache, `${pins}-${randomUUID()}`)
  const python = process.env['PYTHON'] || 'python3'
  try {
    await run(python, ['-m', 'venv', draft])
    await run(path.join(draft, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--requirement', requirements], {
      maxBuffer: 64 * 1024 * 1024,
    })
    await rename(draft, folder)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    if (existsSync(interpreter)) return interpreter
    throw new Error(
      `The independent readers need Python 3.10 or newer (${python}, or what PYTHON names) and a package registry`,
      { cause: error },
    )
  }
  return interpreter
}
