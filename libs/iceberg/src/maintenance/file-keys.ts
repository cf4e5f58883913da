import type { ObjectStore } from '@phlo/ports'

/**
 * Finds the store's keys of files that metadata names, also where another writer wrote the same place differently:
 * `s3a://` for `s3://`, `file:/` for `file:///`, another authority, percent signs or none.
 */
export class FileKeys {
  private readonly store: ObjectStore
  private readonly folder: string
  private readonly folderPath: string

  /** `folder` is the key of the table's folder. */
  constructor(store: ObjectStore, folder: string) {
    this.store = store
    this.folder = folder
    this.folderPath = pathOf(store.uri(folder))
  }

  /** Every key that the location may stand for. Empty for one that is not of the table's folder nor of the store. */
  of(location: string): string[] {
    const keys = new Set<string>()
    const own = this.store.key(location)
    if (own !== undefined) keys.add(own)
    const path = pathOf(location)
    for (const candidate of [path, decoded(path)]) {
      for (const folderPath of [this.folderPath, decoded(this.folderPath)])
        if (candidate.startsWith(`${folderPath}/`)) keys.add(`${this.folder}${candidate.slice(folderPath.length)}`)
    }
    return [...keys]
  }
}

/** What stands behind scheme and authority, with one slash before it. */
function pathOf(location: string): string {
  const rest = /^[A-Za-z][A-Za-z0-9+.-]*:(?:\/\/[^/]*)?(.*)$/s.exec(location)?.[1] ?? location
  return `/${rest.replace(/^\/+/, '')}`
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
