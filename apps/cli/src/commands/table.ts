import { currentSnapshot, parseRefSpec, resolveRef, rowCount } from '@phlo/core'
import { currentSchema, formatType, planScan, refSnapshot, snapshotAsOf, snapshotById } from '@phlo/iceberg'
import {
  type Catalog,
  CatalogPort,
  formatIdentifier,
  type LoadedTable,
  nearest,
  type ObjectStore,
  ObjectStorePort,
  parseIdentifier,
  PhloError,
} from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withPlugins } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import { formatBytes, formatCount, formatTime, plural } from '../output/numbers.js'
import { cellText, textTable } from '../output/text-table.js'

interface Opened {
  readonly catalog: Catalog
  readonly store: ObjectStore
  readonly ref: string
}

async function withLake(
  context: CommandContext,
  globals: GlobalOptions,
  ref: string,
  work: (opened: Opened) => Promise<void>,
): Promise<number> {
  return withPlugins(context, globals, async ({ composition }) => {
    const catalog = composition.get(CatalogPort)
    await work({ catalog, store: composition.get(ObjectStorePort), ref: await resolveRef(catalog, parseRefSpec(ref)) })
    return exitCode.ok
  })
}

/** Throws PHLO_TABLE_NOT_FOUND with the nearest name. */
async function find({ catalog, ref }: Opened, name: string): Promise<LoadedTable> {
  const identifier = parseIdentifier(name)
  const table = identifier && (await catalog.loadTable(identifier, { ref }))
  if (table) return table
  const names = (await catalog.listTables({ ref })).map(formatIdentifier)
  const near = nearest(name, names)
  throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${name} at ${ref}`, {
    hint: near === undefined ? `Tables: ${names.join(', ') || 'none'}` : `Did you mean ${near}?`,
  })
}

export async function list(context: CommandContext, globals: GlobalOptions, options: { ref: string }): Promise<number> {
  const { terminal } = context
  return withLake(context, globals, options.ref, async ({ catalog, ref }) => {
    const tables = await Promise.all(
      (await catalog.listTables({ ref })).map(async (identifier) => {
        const table = await catalog.loadTable(identifier, { ref })
        const summary = currentSnapshot(table)?.summary
        return {
          table: formatIdentifier(identifier),
          rows: rowCount(table),
          files: Number(summary?.['total-data-files'] ?? 0),
          bytes: Number(summary?.['total-files-size'] ?? 0),
          snapshots: table?.metadata.snapshots?.length ?? 0,
          updated: table ? new Date(table.metadata['last-updated-ms']).toISOString() : undefined,
        }
      }),
    )
    if (globals.json) return terminal.json(tables)
    if (tables.length === 0) return terminal.print('There are no tables yet. Make some: phlo run')
    const right = 'right' as const
    terminal.print(
      textTable(
        terminal,
        [
          { title: 'table' },
          { title: 'rows', align: right },
          { title: 'files', align: right },
          { title: 'size', align: right },
          { title: 'snapshots', align: right },
          { title: 'updated (UTC)' },
        ],
        tables.map(({ table, rows, files, bytes, snapshots, updated }) => [
          table,
          rows === undefined ? '' : formatCount(rows),
          formatCount(files),
          formatBytes(bytes),
          formatCount(snapshots),
          updated === undefined ? '' : formatTime(Date.parse(updated)),
        ]),
      ),
    )
  })
}

export async function show(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: { ref: string },
): Promise<number> {
  const { terminal } = context
  return withLake(context, globals, options.ref, async (opened) => {
    const { metadata, metadataLocation } = await find(opened, name)
    if (globals.json) return terminal.json({ table: name, metadataLocation, metadata })
    const { bold, dim } = terminal.colors
    const schema = currentSchema(metadata)
    const spec = metadata['partition-specs'].find((candidate) => candidate['spec-id'] === metadata['default-spec-id'])
    const comment = metadata.properties?.['comment']
    terminal.print(`${bold(name)}${comment === undefined ? '' : `  ${comment}`}`)
    terminal.print(dim(`Iceberg v${metadata['format-version']}, ${metadata['table-uuid']}`))
    terminal.print(dim(metadataLocation))
    terminal.print()
    terminal.print(
      textTable(
        terminal,
        [
          { title: 'id', align: 'right' },
          { title: 'column' },
          { title: 'type' },
          { title: 'null' },
          { title: 'description' },
        ],
        schema.fields.map(({ id, name: column, type, required, doc }) => [
          String(id),
          column,
          formatType(type),
          required ? 'no' : 'yes',
          doc ?? '',
        ]),
      ),
    )
    const partitions = (spec?.fields ?? []).map(({ transform, 'source-id': source }) => {
      const column = schema.fields.find(({ id }) => id === source)?.name ?? String(source)
      return transform === 'identity' ? column : `${transform}(${column})`
    })
    terminal.print(`\npartitioned by  ${partitions.join(', ') || 'nothing'}`)
    terminal.print(`rows            ${formatCount(Number(refSnapshot(metadata)?.summary?.['total-records'] ?? 0))}`)
    for (const [key, value] of Object.entries(metadata.properties ?? {}))
      if (key !== 'comment') terminal.print(dim(`${key} = ${value}`))
  })
}

export async function snapshots(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: { ref: string },
): Promise<number> {
  const { terminal } = context
  return withLake(context, globals, options.ref, async (opened) => {
    const { metadata } = await find(opened, name)
    const current = refSnapshot(metadata)
    const all = [...(metadata.snapshots ?? [])].reverse()
    if (globals.json) return terminal.json(all)
    terminal.print(
      textTable(
        terminal,
        [
          { title: '' },
          { title: 'snapshot' },
          { title: 'time (UTC)' },
          { title: 'operation' },
          { title: 'added', align: 'right' },
          { title: 'deleted', align: 'right' },
          { title: 'rows', align: 'right' },
          { title: 'run' },
        ],
        all.map((snapshot) => {
          const count = (key: string) => formatCount(Number(snapshot.summary?.[key] ?? 0))
          return [
            snapshot === current ? '*' : '',
            String(snapshot['snapshot-id']),
            formatTime(snapshot['timestamp-ms']),
            snapshot.summary?.operation ?? '',
            count('added-records'),
            count('deleted-records'),
            count('total-records'),
            snapshot.summary?.['phlo.run-id'] ?? '',
          ]
        }),
      ),
    )
  })
}

export async function files(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: { ref: string },
): Promise<number> {
  const { terminal } = context
  return withLake(context, globals, options.ref, async (opened) => {
    const { metadata } = await find(opened, name)
    const found: { path: string; partition: string; rows: number; bytes: number }[] = []
    for await (const { file } of planScan(opened.store, metadata)) {
      const spec = metadata['partition-specs'].find((candidate) => candidate['spec-id'] === file.specId)
      const partition = (spec?.fields ?? [])
        .map((field, index) => `${field.name}=${partitionText(field.transform, file.partition[index] ?? null)}`)
        .join('/')
      found.push({ path: file.path, partition, rows: file.recordCount, bytes: file.fileSize })
    }
    found.sort((a, b) => (a.partition < b.partition ? -1 : a.partition > b.partition ? 1 : 0))
    if (globals.json) return terminal.json(found)
    terminal.print(
      textTable(
        terminal,
        [
          { title: 'file' },
          { title: 'partition' },
          { title: 'rows', align: 'right' },
          { title: 'size', align: 'right' },
        ],
        found.map(({ path, partition, rows, bytes }) => [
          path.slice(path.lastIndexOf('/') + 1),
          partition,
          formatCount(rows),
          formatBytes(bytes),
        ]),
      ),
    )
    terminal.print(
      terminal.colors.dim(
        `(${plural(found.length, 'file')}, ${formatBytes(found.reduce((sum, { bytes }) => sum + bytes, 0))})`,
      ),
    )
  })
}

/** Periods as people write them; they are counted since 1970. */
function partitionText(transform: string, value: unknown): string {
  if (value === null) return 'null'
  const count = Number(value)
  if (transform === 'day') return new Date(count * 86_400_000).toISOString().slice(0, 10)
  if (transform === 'hour') return new Date(count * 3_600_000).toISOString().slice(0, 13)
  if (transform === 'month') return new Date(Date.UTC(1970, count, 1)).toISOString().slice(0, 7)
  return transform === 'year' ? String(1970 + count) : cellText(value)
}

export async function rollback(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: { ref: string; to: string },
): Promise<number> {
  return withLake(context, globals, options.ref, async (opened) => {
    const { metadata, identifier } = await find(opened, name)
    const time = new Date(options.to)
    const snapshot = /^\d{5,}$/.test(options.to)
      ? snapshotById(metadata, BigInt(options.to))
      : Number.isNaN(time.getTime())
        ? undefined
        : snapshotAsOf(metadata, time)
    if (!snapshot) {
      throw new PhloError('PHLO_SNAPSHOT_NOT_FOUND', `${name} has no snapshot ${options.to}`, {
        hint: `List them: phlo table snapshots ${name}`,
      })
    }
    const id = snapshot['snapshot-id']
    await opened.catalog.commit(
      [
        {
          kind: 'table',
          identifier,
          requirements: [
            { type: 'assert-table-uuid', uuid: metadata['table-uuid'] },
            {
              type: 'assert-ref-snapshot-id',
              ref: 'main',
              'snapshot-id': refSnapshot(metadata)?.['snapshot-id'] ?? null,
            },
          ],
          updates: [{ action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': id }],
        },
      ],
      { ref: options.ref, message: `Roll ${name} back to snapshot ${id}` },
    )
    if (globals.json) context.terminal.json({ table: name, snapshot: String(id) })
    else context.terminal.print(`${name} is at snapshot ${id} again, as of ${formatTime(snapshot['timestamp-ms'])} UTC`)
  })
}
