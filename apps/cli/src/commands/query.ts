import { text } from 'node:stream/consumers'
import { batchRows, type PlainRow } from '@phlo/core'
import {
  CatalogPort,
  parseIdentifier,
  parseRefSpec,
  PhloError,
  type QueryEngine,
  QueryEnginePort,
  type QueryOptions,
  type QueryResult,
  resolveRef,
} from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withPlugins } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import { plural } from '../output/numbers.js'
import { queryPlanText } from '../output/query-plan.js'
import type { Terminal } from '../output/terminal.js'
import { cellText, textTable } from '../output/text-table.js'
import type { QueryFlags } from '../flags.js'

export async function query(
  context: CommandContext,
  globals: GlobalOptions,
  sql: string,
  flags: QueryFlags,
): Promise<number> {
  const statement = sql === '-' ? await text(process.stdin) : sql
  return withPlugins(context, globals, async ({ composition }) => {
    const ref = await resolveRef(composition.get(CatalogPort), parseRefSpec(flags.ref))
    const options: QueryOptions = {
      ref,
      signal: context.signal,
      snapshots: flags.snapshot.map(parseSnapshot),
    }
    const engine: QueryEngine = composition.get(QueryEnginePort)
    if (flags.explain) {
      const plan = await engine.explain(statement, options)
      if (globals.json) context.terminal.json(plan)
      else context.terminal.print(queryPlanText(plan))
      return exitCode.ok
    }
    const result = await engine.query(statement, options)
    await printResult(
      context.terminal,
      result,
      flags.format ?? (globals.json ? 'json' : 'table'),
      parseLimit(flags.limit),
    )
    return exitCode.ok
  })
}

function parseSnapshot(given: string) {
  const [name = '', id = ''] = given.split('=')
  const table = parseIdentifier(name)
  if (table && /^\d+$/.test(id)) return { table, snapshotId: BigInt(id) }
  throw new PhloError('PHLO_CONFIG_INVALID', `--snapshot ${given} is not of the form namespace.table=ID`, {
    hint: 'List the ids: phlo table snapshots namespace.table',
  })
}

function parseLimit(given: string): number {
  const limit = Number(given)
  if (Number.isInteger(limit) && limit >= 0) return limit
  throw new PhloError('PHLO_CONFIG_INVALID', `--limit ${given} is no number of rows`)
}

/** The forms in which rows are printed. */
export type ResultFormat = NonNullable<QueryFlags['format']>

export async function printResult(
  terminal: Terminal,
  result: QueryResult,
  format: ResultFormat,
  limit: number,
): Promise<void> {
  switch (format) {
    case 'arrow':
      return printArrow(terminal, result)
    case 'csv':
      return printCsv(terminal, result)
    case 'json':
      return printJson(terminal, result)
    case 'ndjson':
      for await (const batch of result.batches) for (const row of batchRows(batch)) terminal.json(row)
      return
    case 'table':
      return printTable(terminal, result, limit)
  }
}

async function printTable(terminal: Terminal, result: QueryResult, limit: number): Promise<void> {
  const rows: PlainRow[] = []
  let total = 0
  for await (const batch of result.batches) {
    if (rows.length < limit) for (const row of batchRows(batch)) if (rows.length < limit) rows.push(row)
    total += batch.numRows
  }
  const fields = result.schema.fields
  const numeric = new Set([2, 3, 7])
  terminal.print(
    textTable(
      terminal,
      fields.map(({ name, type }) => ({
        title: name,
        align: numeric.has((type as { readonly typeId: number }).typeId) ? 'right' : 'left',
      })),
      rows.map((row) => fields.map(({ name }) => cellText(row[name]))),
    ),
  )
  const cut = total > rows.length ? `, ${plural(rows.length, 'row')} shown (--limit shows more)` : ''
  terminal.print(terminal.colors.dim(`(${plural(total, 'row')}${cut})`))
}

async function printCsv(terminal: Terminal, result: QueryResult): Promise<void> {
  const names = result.schema.fields.map(({ name }) => name)
  terminal.print(names.map(csvField).join(','))
  for await (const batch of result.batches) {
    const lines: string[] = []
    for (const row of batchRows(batch)) lines.push(names.map((name) => csvField(cellText(row[name], ''))).join(','))
    terminal.print(lines.join('\n'))
  }
}

/** One array, written as it comes. */
async function printJson(terminal: Terminal, result: QueryResult): Promise<void> {
  let first = true
  terminal.write('[')
  for await (const batch of result.batches) {
    for (const row of batchRows(batch)) {
      terminal.write(`${first ? '' : ','}\n${JSON.stringify(row)}`)
      first = false
    }
  }
  terminal.print(first ? ']' : '\n]')
}

/** Arrow's IPC stream. */
async function printArrow(terminal: Terminal, result: QueryResult): Promise<void> {
  const { RecordBatchStreamWriter } = await import('apache-arrow')
  const writer = new RecordBatchStreamWriter()
  const done = (async () => {
    for await (const chunk of writer as AsyncIterable<Uint8Array>) terminal.writeBytes(chunk)
  })()
  writer.reset(undefined, result.schema)
  for await (const batch of result.batches) writer.write(batch)
  writer.close()
  await done
}

/** RFC 4180; a text that a spreadsheet would run as a formula is only quoted, not changed. */
function csvField(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}
