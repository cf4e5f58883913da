import { constants } from 'node:fs'
import { copyFile, link, mkdir, open, rename, unlink } from 'node:fs/promises'
import path from 'node:path'
import { hasSystemCode } from '@phlo/ports'

/** File operations that have reached the disk when they resolve. */

/** Makes what a folder lists durable. Windows cannot open folders and orders this by itself. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes a folder and those above it, each entered durably into the one that holds it. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  for (let made = folder; ; made = path.dirname(made)) {
    await syncFolder(path.dirname(made))
    if (made === first) return
  }
}

export async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx')
  try {
    // At once: writeFile would go to the disk half a mebibyte at a time.
    for (let written = 0; written < bytes.length;)
      written += (await handle.write(bytes, written, bytes.length - written)).bytesWritten
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Gives a finished file a second name that nothing has yet: atomic, and EEXIST for all but one of several callers. */
export async function linkDurably(file: string, target: string): Promise<void> {
  await link(file, target)
  await syncFolder(path.dirname(target))
}

/** A file of another disk becomes one of this disk under a temporary name; one of this disk is only renamed. */
export async function bringToDisk(file: string, temporary: string): Promise<void> {
  try {
    await rename(file, temporary)
  } catch (error) {
    if (!hasSystemCode(error, 'EXDEV')) throw error
    await copyFile(file, temporary, constants.COPYFILE_EXCL)
    await unlink(file)
  }
  await syncFile(temporary)
}
