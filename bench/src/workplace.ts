import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { BenchError } from './bench-error.js'
import { runProcess } from './processes.js'

/** The folders that cases work in. All are on one disk, so that nobody's files are on a faster one. */
export interface Workplace {
  /** This package's own folder. */
  readonly bench: string
  /** The node_modules folder that holds `phlo`. */
  readonly packages: string
  /** The program that users start. */
  readonly phlo: string
  /** Kept between runs: input data, the Python environment. */
  readonly cache: string
  /** Of this run alone; removed behind it. */
  readonly work: string
}

export async function openWorkplace(): Promise<Workplace> {
  const bench = fileURLToPath(new URL('..', import.meta.url))
  const cache = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'), 'phlo')
  const work = path.join(cache, `bench-work-${process.pid}`)
  await rm(work, { recursive: true, force: true })
  await mkdir(work, { recursive: true })
  const manifest = createRequire(import.meta.url).resolve('phlo/package.json')
  return { bench, packages: packagesOf(bench), phlo: path.join(path.dirname(manifest), 'bin', 'phlo.js'), cache, work }
}

/** Gives `work` a folder of its own within the workplace, and removes it behind it. */
export async function inOwnFolder<T>(
  workplace: Workplace,
  name: string,
  work: (workplace: Workplace) => Promise<T>,
): Promise<T> {
  const folder = path.join(workplace.work, name)
  await mkdir(folder)
  try {
    return await work({ ...workplace, work: folder })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function packagesOf(bench: string): string {
  for (let folder = bench; ; folder = path.dirname(folder)) {
    const packages = path.join(folder, 'node_modules')
    if (existsSync(path.join(packages, 'phlo'))) return packages
    if (folder === path.dirname(folder)) throw new BenchError('phlo is not installed: run npm ci')
  }
}

/** Everything written so far reaches the disk, so that nobody waits for what another one wrote. */
export async function settle(): Promise<void> {
  if (process.platform !== 'win32') await runProcess('sync', [])
}
