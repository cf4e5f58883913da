import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { PhloError } from '@phlo/ports'

/** Folder of the store's own files, beside the objects. */
export const privateFolder = '.phlo-store'

/** Where a store keeps what, below its root. */
export class StorePaths {
  readonly root: string
  /** Of files that are being written. */
  readonly temporaries: string
  /** Where the processes that have the store open find each other. */
  readonly sockets: string

  constructor(root: string) {
    this.root = path.resolve(root)
    this.temporaries = path.join(this.root, privateFolder, 'tmp')
    this.sockets = path.join(this.root, privateFolder, 'run')
  }

  /** The object's first state. Throws PHLO_STORAGE_FAILED for what is no key. */
  plainFile(key: string): string {
    checkKey(key)
    return path.join(this.root, key)
  }

  /** The folder of the object's later states. Throws PHLO_STORAGE_FAILED for what is no key. */
  versionsFolder(key: string): string {
    checkKey(key)
    return path.join(this.root, privateFolder, 'versions', key)
  }

  newTemporary(): string {
    return path.join(this.temporaries, randomUUID())
  }

  uri(key: string): string {
    checkKey(key)
    return `file://${this.root.split(path.sep).join('/')}/${key}`
  }

  /** The key that a URI or an absolute path means, if it is one below the root. */
  key(uri: string): string | undefined {
    const file = uri.startsWith('file://')
      ? uri.slice('file://'.length)
      : uri.startsWith('file:/')
        ? uri.slice('file:'.length)
        : uri
    if (!path.isAbsolute(file)) return undefined
    const relative = path.relative(this.root, path.normalize(file))
    const key = relative.split(path.sep).join('/')
    return isKey(key) ? key : undefined
  }
}

function isKey(key: string): boolean {
  const segments = key.split('/')
  const bad = segments.some((segment) => segment === '' || segment === '.' || segment === '..')
  return !bad && !/[\0\\]/.test(key) && segments[0] !== privateFolder
}

/** Throws PHLO_STORAGE_FAILED for what is no key. */
export function checkKey(key: string): void {
  if (!isKey(key)) throw new PhloError('PHLO_STORAGE_FAILED', `${JSON.stringify(key)} is no key of an object`)
}

/** In order of the keys' bytes. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
