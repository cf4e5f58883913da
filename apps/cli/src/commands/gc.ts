import { type CollectionOptions, collectGarbage, type FileJudgement, judgeFiles, type Lake } from '@phlo/gc'
import { expiredBranches, parseDuration, tidyBranches } from '@phlo/core'
import { type OpenProject, processHost } from '@phlo/core/runtime'
import {
  type Catalog,
  CatalogPort,
  isVersioned,
  ObjectStorePort,
  PhloError,
  StateStorePort,
  type VersionedCatalog,
} from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withPlugins } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import type { CollectionFlags } from '../flags.js'
import { formatBytes, formatCount, plural } from '../output/numbers.js'
import type { Terminal } from '../output/terminal.js'
import { textTable } from '../output/text-table.js'

/** Tells which files of the lake nothing needs any more, and deletes them when asked to. */
export async function gc(context: CommandContext, globals: GlobalOptions, flags: CollectionFlags): Promise<number> {
  return withPlugins(context, globals, async (opened) => {
    const { composition, project } = opened
    const lake = { catalog: requireHistory(composition.get(CatalogPort)), store: composition.get(ObjectStorePort) }
    const options = collectionOptions(opened, flags)
    const { audit } = project.config
    const keepers = {
      catalog: lake.catalog,
      state: composition.get(StateStorePort),
      audit: { branch: audit.branch, keepFailed: parseDuration(audit.keepFailed) },
      host: processHost,
    }
    if (flags.delete) await collect(context, globals, lake, options, await tidyBranches(keepers))
    else await tell(context, globals, lake, options, flags, await expiredBranches(keepers))
    return exitCode.ok
  })
}

/** Throws PHLO_UNSUPPORTED where no ref leads to what older states of the lake need. */
function requireHistory(catalog: Catalog): VersionedCatalog {
  if (isVersioned(catalog)) return catalog
  throw new PhloError('PHLO_UNSUPPORTED', 'The profile’s catalog keeps no history of the lake to collect garbage by', {
    hint: 'Tidy each table by itself: phlo table expire, phlo table orphans.',
  })
}

function collectionOptions({ project }: OpenProject, flags: CollectionFlags): CollectionOptions {
  const { retention } = project.config
  return {
    retention: {
      history: flags.history ?? parseDuration(retention.history),
      branches: Object.entries(retention.branches).map(([pattern, span]) => ({
        pattern,
        history: parseDuration(span),
      })),
    },
    safetyAge: flags.safetyAge ?? parseDuration(retention.safetyAge),
    ...(flags.allowYoung && { allowYoung: true }),
  }
}

async function collect(
  { terminal }: CommandContext,
  globals: GlobalOptions,
  lake: Lake,
  options: CollectionOptions,
  branches: readonly string[],
): Promise<void> {
  const { width, isInteractive } = terminal
  const result = await collectGarbage(lake, options, ({ examined, deleted, bytes }) => {
    const text = `  ${formatCount(examined)} files looked at, ${formatCount(deleted)} deleted (${formatBytes(bytes)})`
    if (isInteractive && !globals.json) terminal.write(`\r\u001b[2K${text.slice(0, width - 1)}`)
  })
  if (globals.json) return terminal.json({ branches, ...result })
  if (isInteractive) terminal.write('\r\u001b[2K')
  if (branches.length > 0) terminal.print(`Deleted ${plural(branches.length, 'branch', 'branches')} of failed runs`)
  terminal.print(
    `Deleted ${plural(result.deleted, 'file')} of ${formatCount(result.examined)} and ` +
      `${plural(result.catalogObjects, 'object')} of the catalog (${formatBytes(result.bytes)})`,
  )
  if (result.young > 0) terminal.note(`${plural(result.young, 'unused file')} stayed, too young to judge`)
  if (result.failed > 0)
    terminal.note(`The store did not delete ${plural(result.failed, 'file')}; the next phlo gc finds them`)
}

const meanings: Readonly<Record<FileJudgement['why'], string>> = {
  needed: 'needed by a branch, a tag or the past that is kept',
  young: 'unused, too young to judge',
  expired: 'expired: read by the past that is not kept',
  unnamed: 'unnamed: of commits that no branch or tag leads to',
  unused: 'unused: no commit names it',
}

async function tell(
  { terminal }: CommandContext,
  globals: GlobalOptions,
  lake: Lake,
  options: CollectionOptions,
  { list }: CollectionFlags,
  branches: readonly { readonly name: string }[],
): Promise<void> {
  const totals = new Map<FileJudgement['why'], { files: number; bytes: number }>()
  for await (const judgement of judgeFiles(lake, options)) {
    const { keep, why, size } = judgement
    const { files, bytes } = totals.get(why) ?? { files: 0, bytes: 0 }
    totals.set(why, { files: files + 1, bytes: bytes + size })
    if (list === undefined || (list !== 'all' && (list === 'kept') !== keep)) continue
    if (globals.json) terminal.json(judgement)
    else terminal.print(judgementText(terminal, judgement))
  }
  const names = branches.map(({ name }) => name)
  if (globals.json) return terminal.json({ branches: names, totals: Object.fromEntries(totals) })
  if (list !== undefined) terminal.print()
  const rows = (Object.keys(meanings) as FileJudgement['why'][]).flatMap((why) => {
    const total = totals.get(why)
    return total ? [[meanings[why], formatCount(total.files), formatBytes(total.bytes)]] : []
  })
  terminal.print(
    textTable(
      terminal,
      [{ title: 'files' }, { title: 'count', align: 'right' }, { title: 'size', align: 'right' }],
      rows,
    ),
  )
  if (names.length > 0) {
    terminal.print(`${plural(names.length, 'branch', 'branches')} of failed runs would go first: ${names.join(', ')}`)
    terminal.print('What only they need counts as needed here.')
  }
  const garbage = (['expired', 'unnamed', 'unused'] as const).some((why) => totals.has(why))
  if (garbage || names.length > 0) terminal.print('Delete them: phlo gc --delete')
}

function judgementText({ colors }: Terminal, judgement: FileJudgement): string {
  const { keep, why, key, size } = judgement
  const mark = keep ? colors.green('stays') : colors.red('goes ')
  const because = 'reason' in judgement ? `${why}: ${reasonText(judgement.reason)}` : why
  return `${mark} ${key} ${colors.dim(`(${formatBytes(size)}) ${because}`)}`
}

function reasonText({ ref, commit, table, snapshotId }: Extract<FileJudgement, { why: 'needed' }>['reason']): string {
  const state = snapshotId === undefined ? table : `snapshot ${snapshotId} of ${table}`
  return ref === undefined ? state : `${state}, ${ref} at ${(commit ?? '').slice(0, 12)}`
}
