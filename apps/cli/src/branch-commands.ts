import { type Command } from 'commander'
import { type DiffFlags, type LogFlags, type MergeFlags, withMergeOptions } from './commands/branch-flags.js'
import { columnsOption, countOption } from './commands/table/flags.js'
import type { CommandContext, GlobalOptions } from './command-context.js'
import { examples } from './output/examples.js'

/** `phlo branch …`. Commands are imported when they run. */
export function addBranchCommands(
  program: Command,
  context: CommandContext,
  run: (work: () => Promise<number>) => Promise<void>,
): void {
  const globals = () => program.opts<GlobalOptions>()
  const branch = program.command('branch').description('branches and tags of the lake')
  branch
    .command('list', { isDefault: true })
    .description('list branches and tags')
    .addHelpText('after', examples('phlo branch list', 'phlo branch list --json'))
    .action(() => run(async () => (await import('./commands/branch.js')).list(context, globals())))
  branch
    .command('create')
    .description('make a branch or tag')
    .argument('<name>')
    .option('--from <ref>', 'what it starts at', 'main')
    .option('--tag', 'a tag, which does not move')
    .addHelpText(
      'after',
      examples(
        'phlo branch create try-it',
        'phlo branch create v1 --tag',
        "phlo branch create last-week --from '@{2026-01-01}'",
      ),
    )
    .action((name: string, options: { from: string; tag?: boolean }) =>
      run(async () => (await import('./commands/branch.js')).create(context, globals(), name, options)),
    )
  branch
    .command('delete')
    .description('delete a branch or tag')
    .argument('<name>')
    .addHelpText('after', examples('phlo branch delete try-it'))
    .action((name: string) => run(async () => (await import('./commands/branch.js')).remove(context, globals(), name)))
  branch
    .command('diff')
    .description('show the tables that differ between two refs')
    .argument('<from>')
    .argument('[to]', 'the other ref', 'main')
    .option('--table <table>', 'only this table, as namespace.table')
    .option('--count', 'count the rows that differ')
    .option('--rows', 'print the rows that differ; with --json, each as a line')
    .addOption(columnsOption('--key <columns>', 'columns by which rows are the same; default: the identifier fields'))
    .addOption(countOption('--limit <rows>', 'rows of each table; default: 100, and all with --json'))
    .addHelpText(
      'after',
      examples(
        'phlo branch diff v1',
        'phlo branch diff main pipeline-run-20260101t000000-0a1b2c',
        'phlo branch diff v1 main --count',
        'phlo branch diff v1 main --table gold.revenue --rows --key day',
        'phlo branch diff v1 main --table gold.revenue --rows --json | jq .after',
      ),
    )
    .action((from: string, to: string, options: DiffFlags) =>
      run(async () => (await import('./commands/branch-diff.js')).diff(context, globals(), from, to, options)),
    )
  withMergeOptions(
    branch
      .command('merge')
      .description('bring a branch into another in one commit')
      .argument('<from>', 'branch, tag, commit or time')
      .argument('[into]', 'the branch that changes', 'main'),
  )
    .addHelpText(
      'after',
      examples(
        'phlo branch merge try-it --dry-run',
        'phlo branch merge try-it main',
        'phlo branch merge try-it --strategy fail --table bronze.flights=theirs',
      ),
    )
    .action((from: string, into: string, options: MergeFlags) =>
      run(async () => (await import('./commands/branch-merge.js')).merge(context, globals(), from, into, options)),
    )
  withMergeOptions(
    branch
      .command('cherry-pick')
      .description('do on a branch what one commit did, as a new commit')
      .argument('<commit>', 'its id, or what stands at it')
      .argument('[into]', 'the branch that changes', 'main'),
  )
    .addHelpText('after', examples('phlo branch cherry-pick 3f2a9c1b', 'phlo branch cherry-pick try-it main --dry-run'))
    .action((commit: string, into: string, options: MergeFlags) =>
      run(async () =>
        (await import('./commands/branch-merge.js')).cherryPick(context, globals(), commit, into, options),
      ),
    )
  withMergeOptions(
    branch
      .command('revert')
      .description('undo on a branch what one commit did, as a new commit; what came after stays')
      .argument('<commit>', 'its id, or what stands at it')
      .argument('[on]', 'the branch that changes', 'main'),
  )
    .addHelpText('after', examples('phlo branch revert 3f2a9c1b --dry-run', 'phlo branch revert main'))
    .action((commit: string, on: string, options: MergeFlags) =>
      run(async () => (await import('./commands/branch-merge.js')).revert(context, globals(), commit, on, options)),
    )
  branch
    .command('reset')
    .description('move a branch or tag to another commit; what it held stays in its reflog')
    .argument('<name>')
    .argument('<ref>', 'branch, tag, commit or time that it shall stand at')
    .addHelpText(
      'after',
      examples('phlo branch reset try-it main', "phlo branch reset main 'main@{2026-01-01T00:00Z}'"),
    )
    .action((name: string, ref: string) =>
      run(async () => (await import('./commands/branch-moves.js')).reset(context, globals(), name, ref)),
    )
  branch
    .command('protect')
    .description('let a branch change by merge only, and a tag not at all')
    .argument('<name>')
    .option('--off', 'take the protection away')
    .addHelpText('after', examples('phlo branch protect main', 'phlo branch protect main --off'))
    .action((name: string, options: { off?: boolean }) =>
      run(async () => (await import('./commands/branch-moves.js')).protect(context, globals(), name, options)),
    )
  branch
    .command('reflog')
    .description('show where a branch or tag stood, newest first; also of one that was deleted')
    .argument('[name]', 'branch or tag', 'main')
    .addOption(countOption('--limit <count>', 'how many').default(20))
    .addHelpText('after', examples('phlo branch reflog', 'phlo branch reflog try-it --limit 5'))
    .action((name: string, options: { limit: number }) =>
      run(async () => (await import('./commands/branch-moves.js')).reflog(context, globals(), name, options)),
    )
  branch
    .command('log')
    .description('show the commits of a ref, newest first')
    .argument('[ref]', 'branch, tag or commit', 'main')
    .addOption(countOption('--limit <count>', 'how many').default(20))
    .option('--table <table>', 'only commits that changed this table, as namespace.table')
    .addHelpText(
      'after',
      examples(
        'phlo branch log',
        'phlo branch log v1 --limit 5',
        'phlo branch log --table gold.revenue',
        'phlo branch log --json | jq .message',
      ),
    )
    .action((ref: string, options: LogFlags) =>
      run(async () => (await import('./commands/branch.js')).log(context, globals(), ref, options)),
    )
}
