import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { hasSystemCode } from '@phlo/ports'

/** Folders below the workflows that hold something else. */
const otherFolders = new Set(['node_modules', 'transforms'])

/** The TypeScript and JavaScript files below a folder, in the order of their paths; tests and declarations left out. */
export async function workflowFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    const found: string[] = []
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const full = path.join(folder, entry.name)
      if (entry.isDirectory()) {
        if (!otherFolders.has(entry.name) && !entry.name.startsWith('.')) found.push(...(await workflowFiles(full)))
      } else if (/\.(ts|mts|js|mjs)$/.test(entry.name) && !/(\.d|\.spec|\.test)\.m?ts$/.test(entry.name))
        found.push(full)
    }
    return found
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return []
    throw error
  }
}
