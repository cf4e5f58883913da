import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { hasSystemCode } from '@phlo/ports'
import { BenchError } from './bench-error.js'
import { runProcess } from './processes.js'
import type { Workplace } from './workplace.js'

/** Python with the peers in it. */
export interface PythonEnvironment {
  /** The interpreter. */
  readonly python: string
  readonly versions: Readonly<Record<string, string>>
}

const listVersions = `
import json, platform
from importlib.metadata import version
print(json.dumps({"python": platform.python_version(), **{name: version(name) for name in ("pyarrow", "pyiceberg", "dlt")}}))
`

/** Makes the virtual environment of the peers, or takes the one that is there for the same requirements. */
export async function pythonEnvironment(
  { bench, cache }: Workplace,
  report: (line: string) => void,
): Promise<PythonEnvironment> {
  const requirements = path.join(bench, 'peers', 'requirements.txt')
  const { stdout: system } = await runProcess('python3', ['--version']).catch((error: unknown) => {
    if (!hasSystemCode(error, 'ENOENT')) throw error
    throw new BenchError('The peers need Python: install python3 with its venv module')
  })
  const hash = createHash('sha256')
    .update(system)
    .update(await readFile(requirements))
  const folder = path.join(cache, `bench-venv-${hash.digest('hex').slice(0, 12)}`)
  const python = path.join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
  const finished = path.join(folder, 'finished')
  if (!existsSync(finished)) {
    report(`making a Python environment with the peers in ${folder}`)
    await rm(folder, { recursive: true, force: true })
    await runProcess('python3', ['-m', 'venv', folder])
    await runProcess(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements])
    await writeFile(finished, '')
  }
  const { stdout } = await runProcess(python, ['-c', listVersions])
  return { python, versions: JSON.parse(stdout) as Record<string, string> }
}
