import { createHash } from 'node:crypto'
import path from 'node:path'
import type { FoundFile } from './found-files.js'

/** Letters of a fingerprint: 66 bits, so that a million files meet by chance once in a hundred million lakes. */
const fingerprintLength = 11

/** The files that were taken in, as a cursor keeps them: a fingerprint each of path, size and time of change. */
export class SeenFiles {
  private readonly fingerprints: Set<string>
  private readonly projectDir: string

  private constructor(fingerprints: Set<string>, projectDir: string) {
    this.fingerprints = fingerprints
    this.projectDir = projectDir
  }

  static fromCursor(cursor: unknown, projectDir: string): SeenFiles {
    const text = typeof cursor === 'object' && cursor !== null && 'files' in cursor ? cursor.files : undefined
    const all = typeof text === 'string' ? (text.match(new RegExp(`.{${fingerprintLength}}`, 'g')) ?? []) : []
    return new SeenFiles(new Set(all), projectDir)
  }

  has(file: FoundFile): boolean {
    return this.fingerprints.has(this.fingerprint(file))
  }

  /** The cursor when these files were taken in too. */
  cursorWith(files: readonly FoundFile[]): { readonly files: string } {
    return { files: [...new Set([...this.fingerprints, ...files.map((file) => this.fingerprint(file))])].join('') }
  }

  /** A project may be moved with its files. */
  private fingerprint({ file, size, changed }: FoundFile): string {
    const name = path.relative(this.projectDir, file).split(path.sep).join('/')
    return createHash('sha256')
      .update(JSON.stringify([name, size, changed]))
      .digest('base64url')
      .slice(0, fingerprintLength)
  }
}
