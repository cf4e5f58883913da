import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { TypeCheck } from '@phlo/authoring/loading'

/** What the worker is asked. */
export interface TypeCheckRequest {
  readonly files: readonly string[]
  readonly hash: string
  readonly projectDir: string
}

/** Checks types in a thread of its own: TypeScript takes seconds, and none of them should be the run's. */
export async function checkTypesAside(
  files: readonly string[],
  hash: string,
  projectDir: string,
  signal: AbortSignal,
): Promise<TypeCheck> {
  if (files.length === 0) return { status: 'checked', problems: [] }
  const request: TypeCheckRequest = { files, hash, projectDir }
  const worker = new Worker(new URL('./type-check-worker.js', import.meta.url), { workerData: request })
  try {
    const [result] = (await once(worker, 'message', { signal })) as [TypeCheck]
    return result
  } finally {
    await worker.terminate()
  }
}
