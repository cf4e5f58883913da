import { requireVersioned } from '@phlo/ports'
import type { CommandContext, GlobalOptions } from '../command-context.js'
import { formatTime } from '../output/numbers.js'
import { textTable } from '../output/text-table.js'
import type { LogFlags } from './branch-flags.js'
import { refOf, requireIdentifier, withCatalog } from './opened-catalog.js'

export async function list(context: CommandContext, globals: GlobalOptions): Promise<number> {
  const { terminal } = context
  return withCatalog(context, globals, async (catalog) => {
    const refs = await catalog.listRefs()
    if (globals.json) return terminal.json(refs)
    const rows: string[][] = []
    for (const { name, type, commit, protected: isProtected } of refs) {
      const latest = catalog.supports.refs ? await first(catalog.log(commit, { limit: 1 })) : undefined
      rows.push([
        name,
        isProtected ? `${type}, protected` : type,
        commit.slice(0, 12),
        latest ? formatTime(latest.time) : '',
        latest?.message ?? '',
      ])
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
  return withCatalog(context, globals, async (opened) => {
    // Branches of tables are there when something was written to them: this one would be gone with the process.
    const catalog = requireVersioned(opened)
    const from = await refOf(catalog, options.from)
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

export async function log(
  context: CommandContext,
  globals: GlobalOptions,
  ref: string,
  options: LogFlags,
): Promise<number> {
  const { terminal } = context
  return withCatalog(context, globals, async (catalog) => {
    const rows: string[][] = []
    const wanted = {
      limit: options.limit,
      ...(options.table !== undefined && { table: requireIdentifier(options.table) }),
    }
    for await (const commit of catalog.log(await refOf(catalog, ref), wanted)) {
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
