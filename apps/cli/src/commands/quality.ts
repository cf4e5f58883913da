import { type CheckResult, type QualityReport, qualityReport, selectAssets } from '@phlo/core'
import { type CheckRecord, QueryEnginePort, type SqlDialect, StateStorePort } from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withPlugins, withWorkspace } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import type { Terminal } from '../output/terminal.js'
import { junitXml } from '../quality/junit-xml.js'
import { type OutputFlags, writeOutput } from '../quality/output-file.js'
import { reportHtml } from '../quality/report-html.js'
import { reportText } from '../quality/report-text.js'
import { printResult, type ResultFormat } from './query.js'

export interface ReportFlags extends OutputFlags {
  readonly format?: 'text' | 'json' | 'junit' | 'html'
}

export async function report(
  context: CommandContext,
  globals: GlobalOptions,
  selection: readonly string[],
  flags: ReportFlags,
): Promise<number> {
  return withWorkspace(context, globals, async ({ composition, graph, project }) => {
    const assets = selectAssets(graph, selection)
    const made = await qualityReport(composition.get(StateStorePort), project.config.name, assets)
    const text = render(context.terminal, made, flags.format ?? (globals.json ? 'json' : 'text'))
    await writeOutput(context.terminal, text, flags)
    return exitCode.ok
  })
}

function render(terminal: Terminal, made: QualityReport, format: NonNullable<ReportFlags['format']>): string {
  switch (format) {
    case 'text':
      return reportText(terminal, made)
    case 'json':
      return JSON.stringify(made)
    case 'html':
      return reportHtml(made)
    case 'junit':
      return junitXml(
        made.project,
        made.assets.flatMap(({ checks }) => checks),
      )
  }
}

export interface HistoryFlags {
  readonly limit: string
  readonly format?: ResultFormat
}

/** Columns of `check_results`, with their types and what they hold. */
const historyColumns: readonly (readonly [string, string, (record: CheckRecord, result: CheckResult) => unknown])[] = [
  ['time', 'timestamptz', ({ time }) => new Date(time).toISOString()],
  ['run_id', 'string', ({ runId }) => runId],
  ['asset', 'string', ({ asset }) => asset],
  ['check_name', 'string', ({ check }) => check],
  ['kind', 'string', (_record, { kind }) => kind],
  ['layer', 'string', (_record, { layer }) => layer],
  ['status', 'string', ({ status }) => status],
  ['severity', 'string', (_record, { severity }) => severity],
  ['blocking', 'boolean', (_record, { blocking }) => blocking],
  ['ref', 'string', ({ ref }) => ref],
  ['published', 'boolean', ({ published }) => published],
  ['snapshot_id', 'string', ({ snapshotId }) => snapshotId],
  ['partition_key', 'string', ({ partitionKey }) => partitionKey],
  ['source', 'string', (_record, { metadata }) => metadata.source],
  ['failed_count', 'long', (_record, { metadata }) => metadata.failed_count],
  ['total_count', 'long', (_record, { metadata }) => metadata.total_count],
  ['observed', 'string', (_record, { observed, error }) => observed ?? error?.message],
  ['query_or_sql', 'string', (_record, { metadata }) => metadata.query_or_sql],
  ['repro_sql', 'string', (_record, { metadata }) => metadata.repro_sql],
  ['metrics', 'string', (_record, { metrics }) => metrics && JSON.stringify(metrics)],
]

/** Runs SQL over what checks found, as the table `check_results`; tables of the lake can be joined to it. */
export async function history(
  context: CommandContext,
  globals: GlobalOptions,
  sql: string,
  flags: HistoryFlags,
): Promise<number> {
  return withPlugins(context, globals, async ({ composition }) => {
    const engine = composition.get(QueryEnginePort)
    const records = await composition.get(StateStorePort).listChecks({ limit: Number(flags.limit) })
    const statement = `WITH ${historyTable(records, engine.dialect)}\nSELECT * FROM (\n${sql.trimEnd().replace(/;$/, '')}\n) AS answer`
    const format = flags.format ?? (globals.json ? 'json' : 'table')
    await printResult(context.terminal, await engine.query(statement, { signal: context.signal }), format, Infinity)
    return exitCode.ok
  })
}

function historyTable(records: readonly CheckRecord[], dialect: SqlDialect): string {
  const names = historyColumns.map(([name]) => dialect.identifier(name))
  const value = (given: unknown, type: string) =>
    given === undefined || given === null ? 'NULL' : dialect.typedLiteral(given as string | number | boolean, type)
  const rows = records.map(
    (record) =>
      `(${historyColumns.map(([, type, read]) => value(read(record, record.result as CheckResult), type)).join(', ')})`,
  )
  // A row of its own gives the columns their types, also where there are no results.
  const typed = historyColumns.map(([, type]) => dialect.typedLiteral(samples[type] as string, type))
  const all = [`(${typed.join(', ')})`, ...rows].join(',\n')
  const first = dialect.identifier('check_name')
  return `check_results AS (SELECT * FROM (VALUES ${all}) AS results (${names.join(', ')}) WHERE ${first} <> ${dialect.literal(noName)})`
}

/** No check bears it. */
const noName = '\u0001'
const samples: Readonly<Record<string, string | number | boolean>> = {
  string: noName,
  timestamptz: '1970-01-01T00:00:00Z',
  boolean: false,
  long: 0,
}
