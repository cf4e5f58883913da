import { Command, CommanderError, Option } from 'commander'
import { errorInfo } from '@phlo/core'
import type { CommandContext, GlobalOptions } from './command-context.js'
import {
  type BackfillFlags,
  type CollectionFlags,
  countOption,
  type QueryFlags,
  type RunFlags,
  spanOption,
} from './flags.js'
import { exitCode } from './exit-codes.js'
import { errorText } from './output/report-error.js'
import { examples } from './output/examples.js'
import { Terminal } from './output/terminal.js'
import { addBranchCommands } from './branch-commands.js'
import { addQuarantineCommands } from './quarantine-commands.js'
import { addSchemaCommands } from './schema-commands.js'
import { addQualityCommands } from './quality-commands.js'
import { addTableCommands } from './table-commands.js'
import { version } from './version.js'

/** Runs the command line; gives the exit code. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const terminal = new Terminal(process.stdout, process.stderr, process.env)
  const interrupt = new AbortController()
  const onInterrupt = () => {
    // The second time the user does not want to wait.
    if (interrupt.signal.aborted) process.exit(exitCode.interrupted)
    interrupt.abort()
  }
  process.on('SIGINT', onInterrupt)
  process.on('SIGTERM', onInterrupt)
  // A reader that goes away (`phlo query … | head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCode.ok)
    throw error
  })
  const context: CommandContext = { terminal, env: process.env, signal: interrupt.signal }
  let code: number = exitCode.ok
  const program = buildProgram(context, (result) => (code = result))
  try {
    await program.parseAsync([...argv])
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage
    const info = errorInfo(error)
    if (program.opts<GlobalOptions>().json) terminal.json({ error: info })
    else terminal.note(errorText(terminal, info))
    if (info.code === 'PHLO_INTERNAL') terminal.note((error as Error).stack ?? '')
    return interrupt.signal.aborted ? exitCode.interrupted : exitCode.failed
  } finally {
    process.off('SIGINT', onInterrupt)
    process.off('SIGTERM', onInterrupt)
  }
}

function buildProgram(context: CommandContext, finish: (code: number) => void): Command {
  const program = new Command('phlo')
    .description('Git for data pipelines on open tables.')
    .version(version(), '-V, --version', 'print the version')
    .addOption(new Option('--profile <name>', 'profile of phlo.yaml; default: PHLO_PROFILE, then the file’s own'))
    .addOption(new Option('--project <folder>', 'folder of the project; default: the present one or one above'))
    .addOption(new Option('--json', 'plain JSON for programs'))
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .showHelpAfterError('(add --help for help)')
    .showSuggestionAfterError()
  const globals = () => program.opts<GlobalOptions>()
  /** Commands are imported when they run, so that each starts as fast as it can. */
  const run = (work: () => Promise<number>) => work().then(finish)

  program
    .command('init')
    .description('make a new project')
    .argument('[folder]', 'where', '.')
    .addHelpText('after', examples('phlo init my-project', 'cd my-project && npm install && npx phlo run'))
    .action((folder: string) => run(async () => (await import('./commands/init.js')).init(context, globals(), folder)))

  program
    .command('run')
    .description('run what is missing or stale: on a branch, audited, then published to main in one commit')
    .argument(
      '[selection...]',
      'assets: NAME, +NAME (with all it is made of), NAME+ (with all made of it), group:NAME, tag:NAME',
    )
    .option('--partition <key>', 'one partition, for instance 2001-06-30')
    .option('--from <key>', 'first partition of a range')
    .option('--to <key>', 'last partition of a range, inclusive')
    .option('--force', 'also what is neither missing nor stale')
    .addHelpText(
      'after',
      examples(
        'phlo run',
        'phlo run flights --partition 2001-06-30',
        'phlo run +gold.route_delays --from 2001-01-01 --to 2001-01-31',
        'phlo run --json | jq .type',
      ),
    )
    .action((selection: string[], options: RunFlags) =>
      run(async () => (await import('./commands/run.js')).run(context, globals(), selection, options)),
    )

  program
    .command('plan')
    .description('show what `phlo run` would do, and why')
    .argument('[selection...]', 'as for run')
    .option('--partition <key>', 'one partition')
    .option('--from <key>', 'first partition of a range')
    .option('--to <key>', 'last partition of a range, inclusive')
    .option('--force', 'also what is neither missing nor stale')
    .addHelpText(
      'after',
      examples('phlo plan', 'phlo plan flights --from 2001-01-01 --to 2001-01-31', 'phlo plan --json | jq .steps'),
    )
    .action((selection: string[], options: RunFlags) =>
      run(async () => (await import('./commands/plan.js')).plan(context, globals(), selection, options)),
    )

  program
    .command('backfill')
    .description('take partitions of one asset in, whether they were taken in before or not')
    .argument('<asset>', 'an asset with partitions')
    .option('--from <key>', 'first partition, for instance 2001-06-01; by default the asset’s first one')
    .option('--to <key>', 'last partition, inclusive; by default the last one that is over')
    .addOption(countOption('--parallel <count>', 'so many partitions at once').default(1))
    .option('--branch-per-partition', 'publish each partition by itself; without it, all of them in one commit')
    .option('--resume', 'go on where an earlier backfill of this range stopped')
    .option('--status', 'only tell which partitions were taken in')
    .addHelpText(
      'after',
      examples(
        'phlo backfill flights --from 2001-01-01 --to 2001-12-31',
        'phlo backfill flights --from 2001-01-01 --to 2001-12-31 --resume',
        'phlo backfill flights --from 2001-01-01 --parallel 4 --branch-per-partition',
        'phlo backfill flights --status --json',
      ),
    )
    .action((asset: string, options: BackfillFlags) =>
      run(async () => (await import('./commands/backfill.js')).backfill(context, globals(), asset, options)),
    )

  program
    .command('query')
    .description('run SQL on the lake’s tables')
    .argument('<sql>', 'one SELECT; tables are named namespace.table; - reads it from standard input')
    .option('--ref <ref>', 'branch, tag, commit, or a time: v1, main@{2026-01-01T00:00Z}, @{2026-01-01}', 'main')
    .option(
      '--snapshot <table=id>',
      'read a table at one of its own snapshots; may be given once a table',
      (given: string, all: readonly string[]) => [...all, given],
      [],
    )
    .addOption(
      new Option('--format <format>', 'how to print the rows').choices(['table', 'csv', 'json', 'ndjson', 'arrow']),
    )
    .option('--limit <rows>', 'rows of a printed table', '100')
    .option('--explain', 'only tell what would be read, what would be passed over and why, and the engine’s plan')
    .addHelpText(
      'after',
      examples(
        'phlo query "SELECT count(*) FROM bronze.flights"',
        'phlo query --ref \'@{2026-01-01}\' --format csv "SELECT * FROM gold.route_delays"',
        'phlo query --explain "SELECT count(*) FROM bronze.flights WHERE day = DATE \'2001-06-30\'"',
        'phlo query --format arrow "SELECT * FROM bronze.flights" > flights.arrow',
      ),
    )
    .action((sql: string, options: QueryFlags) =>
      run(async () => (await import('./commands/query.js')).query(context, globals(), sql, options)),
    )

  program
    .command('sql')
    .description('change a table of a branch with one SQL statement')
    .argument('<statement>', 'INSERT, UPDATE, DELETE, MERGE INTO, TRUNCATE, CREATE, ALTER or DROP TABLE; - reads it')
    .requiredOption('--ref <branch>', 'the branch that changes; merge it when you have looked at it')
    .option('--message <text>', 'the commit’s message; the statement’s first line without it')
    .addHelpText(
      'after',
      examples(
        'phlo branch create mend',
        'phlo sql --ref mend "UPDATE bronze.orders SET amount = 0 WHERE amount < 0"',
        'phlo sql --ref mend - < mend.sql',
        'phlo branch merge mend',
      ),
    )
    .action((statement: string, options: { ref: string; message?: string }) =>
      run(async () => (await import('./commands/sql.js')).sql(context, globals(), statement, options)),
    )

  addBranchCommands(program, context, run)
  addTableCommands(program, context, run)
  addSchemaCommands(program, context, run)
  addQuarantineCommands(program, context, run)
  addQualityCommands(program, context, run)

  program
    .command('gc')
    .description(
      'tell which files of the lake no branch, tag or past state needs any more, and delete them when asked to',
    )
    .addOption(
      spanOption('--history <span>', 'how long past states of branches stay, instead of phlo.yaml’s retention'),
    )
    .addOption(spanOption('--safety-age <span>', 'files younger than this stay, instead of phlo.yaml’s retention'))
    .option('--allow-young', 'a safety age below an hour, when you are sure that nothing writes')
    .addOption(new Option('--list <files>', 'tell of each file why it stays or goes').choices(['kept', 'gone', 'all']))
    .option('--delete', 'delete what is not needed')
    .addHelpText('after', examples('phlo gc', 'phlo gc --list gone', 'phlo gc --history 7d --delete'))
    .action((options: CollectionFlags) =>
      run(async () => (await import('./commands/gc.js')).gc(context, globals(), options)),
    )

  program
    .command('retention')
    .description('tell which rows are older than their layer or asset keeps them, and delete them when asked to')
    .option('--delete', 'delete them on a branch, and publish that in one commit')
    .addHelpText('after', examples('phlo retention', 'phlo retention --delete'))
    .action((options: { delete?: boolean }) =>
      run(async () => (await import('./commands/retention.js')).retention(context, globals(), options)),
    )

  const runs = program.command('runs').description('runs and what happened in them')
  runs
    .command('list', { isDefault: true })
    .description('list runs, newest first')
    .option('--limit <count>', 'how many', '20')
    .addHelpText('after', examples('phlo runs list --limit 5'))
    .action((options: { limit: string }) =>
      run(async () => (await import('./commands/runs.js')).list(context, globals(), options)),
    )
  runs
    .command('show')
    .description('show a run')
    .argument('<id>', 'the run’s id, or `last`')
    .addHelpText('after', examples('phlo runs show last'))
    .action((id: string) => run(async () => (await import('./commands/runs.js')).show(context, globals(), id)))

  const config = program.command('config').description('the project’s configuration')
  config
    .command('check')
    .description('check phlo.yaml, plugins, workflows with their types, and models')
    .addHelpText('after', examples('phlo config check', 'phlo config check --profile server'))
    .action(() => run(async () => (await import('./commands/config-check.js')).configCheck(context, globals())))

  program
    .command('doctor')
    .description('check that everything works here')
    .addHelpText('after', examples('phlo doctor', 'phlo doctor --json'))
    .action(() => run(async () => (await import('./commands/doctor.js')).doctor(context, globals())))

  return program
}
