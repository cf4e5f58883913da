import { diffRefs, parseRefSpec, requireVersioned, resolveRef } from '@phlo/core'
import { schemaChanges } from '@phlo/iceberg'
import {
  CatalogPort,
  formatIdentifier,
  parseIdentifier,
  PhloError,
  QueryEnginePort,
  type TableIdentifier,
  type VersionedCatalog,
} from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withPlugins } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import { formatTime, plural } from '../output/numbers.js'
import { plainDifference, printDifferences } from '../output/ref-differences.js'
import { textTable } from '../output/text-table.js'

async function withCatalog(
  context: CommandContext,
  globals: GlobalOptions,
  work: (catalog: VersionedCatalog) => Promise<void>,
): Promise<number> {
  return withPlugins(context, globals, async ({ composition }) => {
    await work(requireVersioned(composition.get(CatalogPort)))
    return exitCode.ok
  })
}

export async function list(context: CommandContext, globals: GlobalOptions): Promise<number> {
  const { terminal } = context
  return withCatalog(context, globals, async (catalog) => {
    const refs = await catalog.listRefs()
    if (globals.json) return terminal.json(refs)
    const rows: string[][] = []
    for (const { name, type, commit } of refs) {
      const latest = await first(catalog.log(commit, { limit: 1 }))
      rows.push([name, type, commit.slice(0, 12), latest ? formatTime(latest.time) : '', latest?.message ?? ''])
    }
    terminal.print(
      textTable(
        terminal,
        [{ title: 'name' }, { title: 'type' }, { title: 'commit' }, { title: 'time (UTC)' }, { title: 'message' }],
        rows,
      ),
    )
  })
}

export async function create(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  options: { from: string; tag?: boolean },
): Promise<number> {
  return withCatalog(context, globals, async (catalog) => {
    const from = await resolveRef(catalog, parseRefSpec(options.from))
    const ref = await catalog.createRef(name, { from, type: options.tag ? 'tag' : 'branch' })
    if (globals.json) context.terminal.json(ref)
    else context.terminal.print(`Made the ${ref.type} ${ref.name} at ${ref.commit.slice(0, 12)}`)
  })
}

export async function remove(context: CommandContext, globals: GlobalOptions, name: string): Promise<number> {
  return withCatalog(context, globals, async (catalog) => {
    await catalog.deleteRef(name)
    if (globals.json) context.terminal.json({ deleted: name })
    else context.terminal.print(`Deleted ${name}`)
  })
}

export async function diff(
  context: CommandContext,
  globals: GlobalOptions,
  from: string,
  to: string,
  options: { table?: string; rows?: boolean },
): Promise<number> {
  const { terminal, signal } = context
  return withPlugins(context, globals, async ({ composition }) => {
    const catalog = requireVersioned(composition.get(CatalogPort))
    const [before, after] = (await Promise.all([from, to].map((ref) => resolveRef(catalog, parseRefSpec(ref))))) as [
      string,
      string,
    ]
    const differences = await diffRefs(catalog, { from: before, to: after }, schemaChanges, {
      ...(options.table !== undefined && { table: requireIdentifier(options.table) }),
      ...(options.rows && { engine: composition.get(QueryEnginePort), signal }),
    })
    if (globals.json) terminal.json(differences.map(plainDifference))
    else printDifferences(terminal, differences, { from, to })
    return exitCode.ok
  })
}

export async function merge(
  context: CommandContext,
  globals: GlobalOptions,
  from: string,
  into: string,
  options: { dryRun?: boolean },
): Promise<number> {
  const { terminal } = context
  return withCatalog(context, globals, async (catalog) => {
    const { commit, tables } = await catalog.merge(from, into, options.dryRun ? { dryRun: true } : {})
    const changes = tables.map(({ identifier, change }) => ({ table: formatIdentifier(identifier), change }))
    const conflicting = tables
      .filter(({ outcome }) => outcome === 'conflict')
      .map(({ identifier }) => formatIdentifier(identifier))
    if (globals.json) return terminal.json({ commit, tables: changes, conflicts: conflicting })
    for (const { table, change } of changes)
      terminal.print(
        `  ${change.padEnd(8)} ${table}${conflicting.includes(table) ? terminal.colors.red('  conflict') : ''}`,
      )
    if (options.dryRun)
      terminal.print(
        conflicting.length > 0
          ? 'It would not be merged: both sides changed the tables marked as conflicts.'
          : `It would bring ${plural(changes.length, 'table')} into ${into}.`,
      )
    else
      terminal.print(
        changes.length === 0
          ? `${into} has everything of ${from} already.`
          : `Merged ${from} into ${into} as ${commit.slice(0, 12)}`,
      )
  })
}

export async function log(
  context: CommandContext,
  globals: GlobalOptions,
  ref: string,
  options: { limit: string },
): Promise<number> {
  const { terminal } = context
  return withCatalog(context, globals, async (catalog) => {
    const rows: string[][] = []
    for await (const commit of catalog.log(await resolveRef(catalog, parseRefSpec(ref)), {
      limit: Number(options.limit),
    })) {
      if (globals.json) terminal.json(commit)
      rows.push([commit.id.slice(0, 12), formatTime(commit.time), commit.author, commit.message])
    }
    if (!globals.json)
      terminal.print(
        textTable(
          terminal,
          [{ title: 'commit' }, { title: 'time (UTC)' }, { title: 'author' }, { title: 'message' }],
          rows,
        ),
      )
  })
}

async function first<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item
  return undefined
}

function requireIdentifier(text: string): TableIdentifier {
  const identifier = parseIdentifier(text)
  if (identifier) return identifier
  throw new PhloError('PHLO_CONFIG_INVALID', `--table ${text} is not of the form namespace.table`)
}
