import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import {
  type IngestionAsset,
  type RejectedRow,
  rejectedRows,
  type RejectedSelection,
  type Repair,
  repairRows,
  requireIngestion,
  requireRows,
  valuesOf,
} from '@phlo/core'
import { processHost } from '@phlo/core/runtime'
import type { Workspace } from '@phlo/authoring/loading'
import { CatalogPort, hasSystemCode, mainBranch, PhloError, QueryEnginePort, requireRunBranches } from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withWorkspace } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import { plural } from '../output/numbers.js'
import { textTable } from '../output/text-table.js'
import { run } from './run.js'

/** Which rows are meant. */
export interface SelectionFlags {
  readonly run?: string
  readonly rule?: string
  readonly id?: readonly string[]
}

export interface RepairFlags extends SelectionFlags {
  readonly set?: readonly string[]
  readonly rows?: string
}

function selectionOf({ run: id, rule, id: ids }: SelectionFlags): RejectedSelection {
  return { ...(id !== undefined && { run: id }), ...(rule !== undefined && { rule }), ...(ids && { ids }) }
}

function read({ composition }: Workspace, asset: IngestionAsset, selection: RejectedSelection): Promise<RejectedRow[]> {
  const reader = { catalog: composition.get(CatalogPort), queries: composition.get(QueryEnginePort) }
  return rejectedRows(reader, asset, selection, mainBranch)
}

export async function list(context: CommandContext, globals: GlobalOptions): Promise<number> {
  const { terminal } = context
  return withWorkspace(context, globals, async (workspace) => {
    const found = []
    for (const asset of workspace.graph.assets) {
      const rows = asset.kind === 'ingestion' ? await read(workspace, asset, {}) : []
      if (rows.length === 0) continue
      const rules = new Map<string, number>()
      for (const rule of rows.flatMap((row) => row.rules)) rules.set(rule, (rules.get(rule) ?? 0) + 1)
      found.push({
        asset: asset.key,
        rows: rows.length,
        repaired: rows.filter(({ repaired }) => repaired !== null).length,
        runs: new Set(rows.map((row) => row.run)).size,
        last: rows.at(-1)?.rejectedAt ?? '',
        rules: Object.fromEntries([...rules].sort(([, a], [, b]) => b - a)),
      })
    }
    if (globals.json) for (const item of found) terminal.json(item)
    else if (found.length === 0) terminal.print('Nothing is in quarantine.')
    else {
      terminal.print(
        textTable(
          terminal,
          [
            { title: 'asset' },
            { title: 'rows', align: 'right' },
            { title: 'repaired', align: 'right' },
            { title: 'runs', align: 'right' },
            { title: 'rules' },
          ],
          found.map(({ asset, rows, repaired, runs, rules }) => [
            asset,
            String(rows),
            String(repaired),
            String(runs),
            Object.entries(rules)
              .map(([rule, count]) => `${rule} (${count})`)
              .join(', '),
          ]),
        ),
      )
    }
    return exitCode.ok
  })
}

export async function show(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  flags: SelectionFlags & { readonly limit: string },
): Promise<number> {
  const { terminal } = context
  const limit = Number(flags.limit)
  if (!Number.isInteger(limit) || limit < 0)
    throw new PhloError('PHLO_CONFIG_INVALID', `--limit ${flags.limit} is no number of rows`)
  return withWorkspace(context, globals, async (workspace) => {
    const asset = requireIngestion(workspace.graph, name)
    const selection = selectionOf(flags)
    const found = await read(workspace, asset, selection)
    const rows = selection.ids ? requireRows(found, asset, selection) : found
    if (globals.json) {
      for (const row of rows) terminal.json(asJson(row))
      return exitCode.ok
    }
    if (rows.length === 0) terminal.print(`Nothing of ${asset.key} is in quarantine.`)
    else {
      terminal.print(
        textTable(
          terminal,
          [
            { title: 'id' },
            { title: 'file' },
            { title: 'row', align: 'right' },
            { title: 'reason' },
            { title: 'as it is' },
          ],
          rows
            .slice(0, limit)
            .map((row) => [
              row.id,
              row.file.split('/').at(-1) ?? row.file,
              row.place === null ? '' : String(row.place),
              row.reason,
              row.repaired === null ? row.original : `repaired: ${row.repaired}`,
            ]),
        ),
      )
      if (rows.length > limit)
        terminal.print(terminal.colors.dim(`${plural(rows.length - limit, 'more row')} (--limit)`))
    }
    return exitCode.ok
  })
}

/** What people edit and give back to `repair --rows`. */
function asJson(row: RejectedRow): object {
  const { original, repaired, ...rest } = row
  return { ...rest, repaired: repaired !== null, row: valuesOf(row) ?? original }
}

export async function repair(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  flags: RepairFlags,
): Promise<number> {
  if ((flags.set === undefined) === (flags.rows === undefined)) {
    throw new PhloError('PHLO_CONFIG_INVALID', 'Tell in one way how the rows should be', {
      hint: 'Give --set COLUMN=SQL, or --rows FILE.',
    })
  }
  const wanted: Repair =
    flags.rows === undefined
      ? { kind: 'expressions', columns: expressions(flags.set ?? []), rows: selectionOf(flags) }
      : { kind: 'rows', rows: await givenRows(flags.rows) }
  return withWorkspace(context, globals, async ({ graph, composition }) => {
    const asset = requireIngestion(graph, name)
    const count = await repairRows(
      {
        catalog: requireRunBranches(composition.get(CatalogPort)),
        queries: composition.get(QueryEnginePort),
        author: processHost.author,
      },
      asset,
      wanted,
    )
    if (globals.json) context.terminal.json({ asset: asset.key, repaired: count })
    else context.terminal.print(`${plural(count, 'row')} repaired. Take them in: phlo quarantine replay ${name}`)
    return exitCode.ok
  })
}

function expressions(given: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    given.map((text) => {
      const [, column, sql] = /^([^=]+)=(.+)$/s.exec(text) ?? []
      if (column !== undefined && sql !== undefined) return [column.trim(), sql]
      throw new PhloError('PHLO_CONFIG_INVALID', `--set ${text} is not of the form COLUMN=SQL`)
    }),
  )
}

async function givenRows(file: string): Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>> {
  const lines =
    file === '-'
      ? await text(process.stdin)
      : await readFile(file, 'utf8').catch((error: unknown) => {
          if (!hasSystemCode(error, 'ENOENT', 'EISDIR')) throw error
          throw new PhloError('PHLO_SOURCE_NOT_FOUND', `The file ${file} is not there`)
        })
  const rows = new Map<string, Readonly<Record<string, unknown>>>()
  for (const [index, line] of lines.split('\n').entries()) {
    if (line.trim() === '') continue
    const { id, row } = parsed(line)
    if (typeof id !== 'string' || typeof row !== 'object' || row === null || Array.isArray(row)) {
      throw new PhloError('PHLO_SOURCE_MALFORMED', `Line ${index + 1} of ${file} is no object with id and row`, {
        ...(file !== '-' && { location: { file, line: index + 1 } }),
      })
    }
    rows.set(id, row as Record<string, unknown>)
  }
  return rows
}

function parsed(line: string): { readonly id?: unknown; readonly row?: unknown } {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

export function replay(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  flags: SelectionFlags,
): Promise<number> {
  return run(context, globals, [], {}, { asset: name, rows: selectionOf(flags) })
}
