import { type Command, Option } from 'commander'
import type { CheckFlags } from './commands/check.js'
import type { HistoryFlags, ReportFlags } from './commands/quality.js'
import type { CommandContext, GlobalOptions } from './command-context.js'
import { examples } from './output/examples.js'

/** `phlo check`, `phlo quality …` and `phlo profile`. Commands are imported when they run. */
export function addQualityCommands(
  program: Command,
  context: CommandContext,
  run: (work: () => Promise<number>) => Promise<void>,
): void {
  const globals = () => program.opts<GlobalOptions>()
  program
    .command('check')
    .description('run the checks of assets on what is there; ends with 1 when one fails')
    .argument('[selection...]', 'assets, as for run; all of them without one')
    .option('--ref <ref>', 'branch, tag, commit, or a time', 'main')
    .option('--partition <key>', 'only rows of one partition, where checks look at partitions')
    .option('--from <key>', 'first partition of a range')
    .option('--to <key>', 'last partition of a range, inclusive')
    .addOption(new Option('--format <format>', 'how to print the results').choices(['text', 'json', 'junit']))
    .option('--output <file>', 'write them to a file')
    .addHelpText(
      'after',
      examples(
        'phlo check',
        'phlo check flights --partition 2001-06-30',
        'phlo check --ref pipeline-run-20260101t000000-0a1b2c',
        'phlo check --format junit --output checks.xml',
      ),
    )
    .action((selection: string[], options: CheckFlags) =>
      run(async () => (await import('./commands/check.js')).check(context, globals(), selection, options)),
    )

  const quality = program.command('quality').description('what checks found')
  quality
    .command('report', { isDefault: true })
    .description('show how tables are, as checks last found it, and how they were')
    .argument('[selection...]', 'assets, as for run; all of them without one')
    .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json', 'junit', 'html']))
    .option('--output <file>', 'write it to a file')
    .addHelpText('after', examples('phlo quality report', 'phlo quality report --format html --output quality.html'))
    .action((selection: string[], options: ReportFlags) =>
      run(async () => (await import('./commands/quality.js')).report(context, globals(), selection, options)),
    )
  quality
    .command('query')
    .description('run SQL over everything that checks found: the table check_results')
    .argument('<sql>', 'one SELECT; tables of the lake can be joined')
    .option('--limit <results>', 'how many of the newest results the table holds', '5000')
    .addOption(
      new Option('--format <format>', 'how to print the rows').choices(['table', 'csv', 'json', 'ndjson', 'arrow']),
    )
    .addHelpText(
      'after',
      examples(
        'phlo quality query "SELECT asset, check_name, count(*) FROM check_results WHERE status = \'failed\' GROUP BY ALL"',
        'phlo quality query --format csv "SELECT * FROM check_results" > checks.csv',
      ),
    )
    .action((sql: string, options: HistoryFlags) =>
      run(async () => (await import('./commands/quality.js')).history(context, globals(), sql, options)),
    )

  program
    .command('profile')
    .description('show what a table’s columns hold, and which checks would pass')
    .argument('<table>', 'namespace.table')
    .option('--ref <ref>', 'branch, tag, commit, or a time', 'main')
    .addHelpText(
      'after',
      examples('phlo profile bronze.flights', 'phlo profile bronze.flights --json | jq .suggestions'),
    )
    .action((table: string, options: { ref: string }) =>
      run(async () => (await import('./commands/profile.js')).profile(context, globals(), table, options)),
    )
}
