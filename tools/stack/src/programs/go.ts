import path from 'node:path'
import { runProgram } from '../run-program.js'
import { cached } from './cached.js'

/** A program that Go builds from a module, whose checksum Go itself verifies. */
export interface GoProgram {
  readonly module: string
  readonly version: string
}

/** The program's file in the cache. Throws a StackError when Go is missing or cannot build it. */
export async function goProgram({ module, version }: GoProgram): Promise<string> {
  const name = path.posix.basename(module)
  const folder = await cached(`${name}-${version}`, async (draft) => {
    await runProgram('go', ['install', `${module}@${version}`], { cwd: draft, env: { GOBIN: draft } })
  })
  return path.join(folder, name)
}
