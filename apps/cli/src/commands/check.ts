import { checkAssets, type CheckResult, hasFailed } from '@phlo/core'
import { CatalogPort, CheckKindPort, parseRefSpec, QueryEnginePort, resolveRef, StateStorePort } from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withWorkspace } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import { checkText } from '../output/check-text.js'
import type { Terminal } from '../output/terminal.js'
import { plural } from '../output/numbers.js'
import { junitXml } from '../quality/junit-xml.js'
import { type OutputFlags, writeOutput } from '../quality/output-file.js'

export interface CheckFlags extends OutputFlags {
  readonly ref: string
  readonly partition?: string
  readonly from?: string
  readonly to?: string
  readonly format?: 'text' | 'json' | 'junit'
}

export async function check(
  context: CommandContext,
  globals: GlobalOptions,
  selection: readonly string[],
  flags: CheckFlags,
): Promise<number> {
  const { terminal } = context
  return withWorkspace(context, globals, async ({ composition, graph, project }) => {
    const catalog = composition.get(CatalogPort)
    const { format = globals.json ? 'json' : 'text', output, ref, ...partitions } = flags
    const results = await checkAssets(
      {
        graph,
        catalog,
        queries: composition.get(QueryEnginePort),
        checkKinds: composition.all(CheckKindPort),
        state: composition.get(StateStorePort),
      },
      { selection, ref: await resolveRef(catalog, parseRefSpec(ref)), ...partitions, signal: context.signal },
    )
    const time = Date.now()
    const text = {
      text: () => resultsText(terminal, results),
      json: () => JSON.stringify(results),
      junit: () =>
        junitXml(
          project.config.name,
          results.map((result) => ({ result, time })),
        ),
    }[format]()
    await writeOutput(terminal, text, { ...(output !== undefined && { output }) })
    return results.some(hasFailed) ? exitCode.failed : exitCode.ok
  })
}

function resultsText(terminal: Terminal, results: readonly CheckResult[]): string {
  if (results.length === 0) return 'No checks are declared for these assets.'
  const { bold, dim } = terminal.colors
  const assets = [...new Set(results.map(({ asset }) => asset))]
  const lines = assets.flatMap((asset) => [
    bold(asset),
    ...results.filter((result) => result.asset === asset).flatMap((result) => resultLines(terminal, result)),
  ])
  const failed = results.filter(hasFailed).length
  const warned = results.filter(({ status }) => status === 'warned').length
  const counts = [plural(results.length, 'check'), `${failed} failed`, `${warned} warned`].join(', ')
  return [...lines, '', failed > 0 ? bold(counts) : dim(counts)].join('\n')
}

function resultLines(terminal: Terminal, result: CheckResult): string[] {
  const { repro_sql: repro } = result.metadata
  const shown = result.status !== 'passed' && repro !== undefined
  return [
    `  ${checkText(terminal, result)}`,
    ...(shown ? [terminal.colors.dim(`      phlo query ${JSON.stringify(repro)}`)] : []),
  ]
}
