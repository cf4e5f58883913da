import type { MergeOptions, MergeResult, SharedKeyLookup } from '@phlo/ports'
import type { CommandContext, GlobalOptions } from '../command-context.js'
import { plainMerge, printOutcomes } from '../output/merge-outcome.js'
import type { Terminal } from '../output/terminal.js'
import type { MergeFlags } from './branch-flags.js'
import { commitOf, refOf, withMergingCatalog } from './opened-catalog.js'

export async function merge(
  context: CommandContext,
  globals: GlobalOptions,
  from: string,
  into: string,
  flags: MergeFlags,
): Promise<number> {
  return withMergingCatalog(context, globals, async (catalog, sharedKey) => {
    const result = await catalog.merge(await refOf(catalog, from), into, optionsOf(flags, sharedKey))
    tell(context.terminal, globals, flags, result, {
      nothing: `${into} has everything of ${from} already.`,
      would: `Would merge ${from} into ${into}${result.fastForward ? ' by a fast-forward' : ''}`,
      wouldNot: `${from} would not be merged into ${into}: there are conflicts`,
      done: `Merged ${from} into ${into}${result.fastForward ? ' by a fast-forward to' : ' as'}`,
    })
  })
}

export async function cherryPick(
  context: CommandContext,
  globals: GlobalOptions,
  commit: string,
  into: string,
  flags: MergeFlags,
): Promise<number> {
  return withMergingCatalog(context, globals, async (catalog, sharedKey) => {
    const id = await commitOf(catalog, commit)
    const result = await catalog.cherryPick(id, into, optionsOf(flags, sharedKey))
    const what = id.slice(0, 12)
    tell(context.terminal, globals, flags, result, {
      nothing: `${into} has what ${what} did already.`,
      would: `Would do on ${into} what ${what} did`,
      wouldNot: `${what} would not be picked to ${into}: there are conflicts`,
      done: `Did on ${into} what ${what} did, as`,
    })
  })
}

export async function revert(
  context: CommandContext,
  globals: GlobalOptions,
  commit: string,
  on: string,
  flags: MergeFlags,
): Promise<number> {
  return withMergingCatalog(context, globals, async (catalog, sharedKey) => {
    const id = await commitOf(catalog, commit)
    const result = await catalog.revert(id, on, optionsOf(flags, sharedKey))
    const what = id.slice(0, 12)
    tell(context.terminal, globals, flags, result, {
      nothing: `There is nothing of ${what} left to undo on ${on}.`,
      would: `Would undo on ${on} what ${what} did`,
      wouldNot: `${what} would not be undone on ${on}: there are conflicts`,
      done: `Undid on ${on} what ${what} did, as`,
    })
  })
}

function optionsOf({ strategy, table, dryRun }: MergeFlags, sharedKey: SharedKeyLookup | undefined): MergeOptions {
  return {
    strategy,
    ...(table && { strategies: table }),
    ...(dryRun && { dryRun }),
    ...(sharedKey && { sharedKey }),
  }
}

interface Said {
  readonly nothing: string
  readonly would: string
  readonly wouldNot: string
  /** The commit follows. */
  readonly done: string
}

function tell(terminal: Terminal, { json }: GlobalOptions, { dryRun }: MergeFlags, result: MergeResult, said: Said) {
  if (json) return terminal.json(plainMerge(result, dryRun === true))
  const outcomes = printOutcomes(terminal, result)
  if (outcomes.length === 0 && !result.fastForward) terminal.print(said.nothing)
  else if (!dryRun) terminal.print(`${said.done} ${result.commit.slice(0, 12)}`)
  else terminal.print(outcomes.includes('conflict') ? said.wouldNot : said.would)
}
