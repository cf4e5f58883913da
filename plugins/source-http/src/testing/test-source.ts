import type { SourceRow } from '@phlo/ports'
import type { Clock } from '../clock.js'
import { HttpSource } from '../http-source.js'
import { PluginOptions } from '../options.js'

/** A clock that passes time only by waiting, and remembers how long it was asked to wait. */
export class TestClock implements Clock {
  readonly waits: number[] = []
  private time = Date.parse('2024-01-01T00:00:00Z')

  now(): number {
    return this.time
  }

  async wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.waits.push(milliseconds)
    this.time += milliseconds
  }

  random(): number {
    return 1
  }
}

export interface ReadOptions {
  readonly cursor?: unknown
  readonly clock?: Clock
  readonly plugin?: Partial<PluginOptions>
  readonly projectDir?: string
  readonly signal?: AbortSignal
}

/** All rows of one read, and the cursor behind them. */
export async function readAll(options: unknown, given: ReadOptions = {}) {
  const source = new HttpSource(PluginOptions.parse(given.plugin ?? {}), given.clock ?? new TestClock())
  const { inputs, cursor } = await source.read(options, {
    projectDir: given.projectDir ?? '/nowhere',
    signal: given.signal ?? new AbortController().signal,
    ...(given.cursor !== undefined && { cursor: given.cursor }),
  })
  const rows: SourceRow[] = []
  for (const input of inputs) {
    if (input.type !== 'rows') continue
    // This source gives rows one by one, never batches of them.
    for await (const row of input.rows) rows.push(row as SourceRow)
  }
  return { rows, cursor: cursor?.() }
}
