import { type MergeOptions, type MergeStrategy, parseIdentifier } from '@phlo/ports'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { dryRunOption } from './table/flags.js'

const strategies: readonly MergeStrategy[] = ['fail', 'ours', 'theirs', 'rebase']

type TableStrategies = NonNullable<MergeOptions['strategies']>

export interface MergeFlags {
  readonly strategy: MergeStrategy
  readonly table?: TableStrategies
  readonly dryRun?: boolean
}

export interface DiffFlags {
  readonly table?: string
  readonly count?: boolean
  readonly rows?: boolean
  readonly key?: readonly string[]
  readonly limit?: number
}

export interface LogFlags {
  readonly limit: number
  readonly table?: string
}

/** What merges, cherry-picks and reverts have in common. */
export function withMergeOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--strategy <strategy>',
        'for what both sides changed: a conflict, the target’s, the source’s, or both changes where they go together',
      )
        .choices(strategies)
        .default('rebase'),
    )
    .addOption(
      new Option(
        '--table <table=strategy>',
        'another strategy for a table or view; may be given more than once',
      ).argParser(tableStrategies),
    )
    .addOption(dryRunOption())
}

function tableStrategies(text: string, before: TableStrategies = []): TableStrategies {
  const equals = text.lastIndexOf('=')
  const identifier = parseIdentifier(text.slice(0, Math.max(equals, 0)))
  const strategy = strategies.find((name) => name === text.slice(equals + 1))
  if (!identifier || !strategy)
    throw new InvalidArgumentError(`Write namespace.table=STRATEGY, one of ${strategies.join(', ')}.`)
  return [...before, { identifier, strategy }]
}
