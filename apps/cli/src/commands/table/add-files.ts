import { randomUUID } from 'node:crypto'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type ObjectStore, PhloError } from '@phlo/ports'
import type { CommandContext, GlobalOptions } from '../../command-context.js'
import { formatBytes, formatCount, plural } from '../../output/numbers.js'
import { withTable } from './opened-lake.js'
import { storeUri } from './store-uri.js'

export interface AddFilesFlags {
  readonly ref: string
  readonly copy?: boolean
  readonly dryRun?: boolean
}

/** Makes Parquet files part of a table. */
export async function addFiles(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  places: readonly string[],
  options: AddFilesFlags,
): Promise<number> {
  const { terminal } = context
  return withTable(context, globals, { name, ref: options.ref }, async ({ identifier, metadata }, opened) => {
    const { store } = opened
    const files = options.copy
      ? await copied(store, metadata.location, places, options.dryRun === true)
      : (await Promise.all(places.map((place) => filesAt(store, place)))).flat()
    if (options.copy && options.dryRun) {
      if (globals.json) return terminal.json({ table: name, dryRun: true, files })
      return terminal.print(`Would copy ${plural(places.length, 'file')} to ${metadata.location}/data`)
    }
    const result = await opened.engine().addFiles({
      table: identifier,
      ref: options.ref,
      files,
      message: `Add ${plural(files.length, 'file')} to ${name}`,
      signal: context.signal,
      ...(options.dryRun && { dryRun: true }),
    })
    if (globals.json) return terminal.json({ table: name, ...(options.dryRun && { dryRun: true }), ...result })
    terminal.print(
      `${options.dryRun ? 'Would add' : 'Added'} ${plural(result.files.length, 'file')} ` +
        `(${formatBytes(result.bytes)}, ${formatCount(result.rows)} rows) to ${name}`,
    )
    if (result.nameMapping)
      terminal.note('Columns of files without field ids are now found by the table’s name mapping')
  })
}

/** A file of the store, or the Parquet files in a folder of it. */
async function filesAt(store: ObjectStore, place: string): Promise<string[]> {
  const uri = storeUri(place)
  const key = store.key(uri.replace(/\/+$/, ''))
  if (key === undefined) {
    throw new PhloError('PHLO_FILE_UNFIT', `${place} is outside the lake’s store`, {
      hint: 'Copy it in: phlo table add-files … --copy',
    })
  }
  if (await store.head(key)) return [store.uri(key)]
  const found: string[] = []
  for await (const info of store.list(`${key}/`)) if (info.key.endsWith('.parquet')) found.push(store.uri(info.key))
  if (found.length === 0) throw new PhloError('PHLO_OBJECT_NOT_FOUND', `There is no Parquet file at ${place}`)
  return found
}

/** Files of this machine, copied into the table's folder. */
async function copied(
  store: ObjectStore,
  location: string,
  places: readonly string[],
  dryRun: boolean,
): Promise<string[]> {
  const folder = store.key(location)
  if (folder === undefined)
    throw new PhloError('PHLO_UNSUPPORTED', `The table’s folder ${location} is outside the store`)
  const temporary = await mkdtemp(path.join(os.tmpdir(), 'phlo-add-files-'))
  try {
    const uris: string[] = []
    for (const place of places) {
      const key = `${folder}/data/${randomUUID()}-${path.basename(place)}`
      uris.push(store.uri(key))
      if (dryRun) continue
      const copy = path.join(temporary, path.basename(key))
      await copyFile(place, copy)
      await store.putFile(key, copy)
    }
    return uris
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}
