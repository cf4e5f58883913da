import { AskedProcess } from './asked-process.js'
import type { CanonicalRow, ReadOptions } from './witness.js'

/** A file that Iceberg Java would read. */
export interface PlannedFile {
  readonly file: string
  readonly deletes: readonly { readonly file: string; readonly content: number; readonly offset: number | null }[]
  /** The filter that is left for the file's rows, as Iceberg Java prints it. */
  readonly residual: string
}

/** Iceberg Java in a process of its own. */
export class JavaWitness {
  private readonly process: AskedProcess

  constructor() {
    const classpath = process.env['PHLO_INTEROP_CLASSPATH']
    if (classpath === undefined) throw new Error('Jest’s global setup has not run')
    const quickStart = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx512m']
    this.process = new AskedProcess('java', [...quickStart, '-cp', classpath, 'phlo.interop.Witness'])
  }

  close(): Promise<void> {
    return this.process.close()
  }

  read(metadata: string, options: ReadOptions = {}): Promise<CanonicalRow[]> {
    return this.process.ask('read', { metadata, ...options })
  }
  plan(metadata: string, options: ReadOptions = {}): Promise<PlannedFile[]> {
    return this.process.ask('plan', { metadata, ...options })
  }
  /** What contradicts itself in the manifests of any snapshot, as sentences. */
  validate(metadata: string): Promise<string[]> {
    return this.process.ask('validate', { metadata })
  }
}
