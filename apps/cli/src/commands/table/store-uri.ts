import path from 'node:path'
import { pathToFileURL } from 'node:url'

/** A place as people write it, a URI or a path on this machine, as a URI. */
export function storeUri(place: string): string {
  return /^[A-Za-z][A-Za-z0-9+.-]+:\/\//.test(place) ? place : pathToFileURL(path.resolve(place)).href
}
