import { type Command, Option } from 'commander'
import type { CommandContext, GlobalOptions } from './command-context.js'
import {
  branchOption,
  columnsOption,
  type CompactFlags,
  conditionsOption,
  countOption,
  dryRunOption,
  type ExpireFlags,
  type ManifestsFlags,
  type OrphansFlags,
  type RewriteDeletesFlags,
  sizeOption,
  snapshotsOption,
  sortKeysOption,
  type StatsFlags,
  tableBranchOption,
  type TableRefFlags,
  timeOption,
} from './commands/table/flags.js'
import type { AddFilesFlags } from './commands/table/add-files.js'
import { examples } from './output/examples.js'

/** `phlo table …`. Commands are imported when they run. */
export function addTableCommands(
  program: Command,
  context: CommandContext,
  run: (work: () => Promise<number>) => Promise<void>,
): void {
  const globals = () => program.opts<GlobalOptions>()
  const table = program.command('table').description('tables of the lake')
  const ref = () => new Option('--ref <ref>', 'branch, tag, commit or time').default('main')
  table
    .command('list', { isDefault: true })
    .description('list tables')
    .addOption(ref())
    .addHelpText('after', examples('phlo table list', 'phlo table list --ref v1'))
    .action((options: { ref: string }) =>
      run(async () => (await import('./commands/table/list.js')).list(context, globals(), options)),
    )
  table
    .command('show')
    .description('show a table’s columns, partitioning and properties')
    .argument('<table>', 'namespace.name')
    .addOption(ref())
    .addHelpText('after', examples('phlo table show bronze.flights'))
    .action((name: string, options: { ref: string }) =>
      run(async () => (await import('./commands/table/show.js')).show(context, globals(), name, options)),
    )
  table
    .command('snapshots')
    .description('list a table’s snapshots')
    .argument('<table>', 'namespace.name')
    .addOption(ref())
    .addHelpText('after', examples('phlo table snapshots bronze.flights'))
    .action((name: string, options: { ref: string }) =>
      run(async () => (await import('./commands/table/snapshots.js')).snapshots(context, globals(), name, options)),
    )
  table
    .command('files')
    .description('list a table’s data files')
    .argument('<table>', 'namespace.name')
    .addOption(ref())
    .addHelpText('after', examples("phlo table files bronze.flights --ref '@{2026-01-01}'"))
    .action((name: string, options: { ref: string }) =>
      run(async () => (await import('./commands/table/files.js')).files(context, globals(), name, options)),
    )
  table
    .command('rollback')
    .description('make an older snapshot of a table the current one again')
    .argument('<table>', 'namespace.name')
    .requiredOption('--to <snapshot>', 'a snapshot’s id, or a time in ISO 8601')
    .addOption(branchOption())
    .addHelpText(
      'after',
      examples(
        'phlo table rollback bronze.flights --to 8101422030325774986',
        'phlo table rollback bronze.flights --to 2026-01-01T00:00Z --ref try-it',
      ),
    )
    .action((name: string, options: { ref: string; to: string }) =>
      run(async () => (await import('./commands/table/rollback.js')).rollback(context, globals(), name, options)),
    )

  table
    .command('undrop')
    .description('bring a dropped table back as it last was on the branch')
    .argument('<table>', 'namespace.name')
    .option('--as <table>', 'another name for it; needed where a new table has the old one')
    .addOption(branchOption())
    .addHelpText(
      'after',
      examples('phlo table undrop bronze.flights', 'phlo table undrop bronze.flights --as bronze.flights_before'),
    )
    .action((name: string, options: { ref: string; as?: string }) =>
      run(async () => (await import('./commands/table/undrop.js')).undrop(context, globals(), name, options)),
    )

  table
    .command('expire')
    .description('remove old snapshots of a table')
    .argument('<table>', 'namespace.name')
    .addOption(timeOption('--older-than <age>', 'age or time; default: the table’s own, or 5d'))
    .addOption(
      countOption('--keep <count>', 'newest snapshots of each branch that stay; default: the table’s own, or 1'),
    )
    .addOption(snapshotsOption('--snapshot <id>', 'only this one; may be given more than once'))
    .addOption(dryRunOption())
    .addOption(branchOption())
    .addHelpText(
      'after',
      examples(
        'phlo table expire bronze.flights --dry-run',
        'phlo table expire bronze.flights --older-than 30d --keep 10',
        'phlo table expire bronze.flights --snapshot 8101422030325774986',
      ),
    )
    .action((name: string, options: ExpireFlags) =>
      run(async () => (await import('./commands/table/expire.js')).expire(context, globals(), name, options)),
    )
  table
    .command('orphans')
    .description('find files in a table’s folder that nothing refers to')
    .argument('<table>', 'namespace.name')
    .addOption(timeOption('--older-than <age>', 'only files last changed before; default: 3d'))
    .option('--allow-young', 'also below one hour; only when no writer is at work')
    .option('--delete', 'delete them; without this, only tell')
    .addOption(ref())
    .addHelpText(
      'after',
      examples('phlo table orphans bronze.flights', 'phlo table orphans bronze.flights --older-than 7d --delete'),
    )
    .action((name: string, options: OrphansFlags) =>
      run(async () => (await import('./commands/table/orphans.js')).orphans(context, globals(), name, options)),
    )

  table
    .command('compact')
    .description('put small files together, leave deleted rows out, order rows')
    .argument('<table>', 'namespace.name')
    .addOption(
      new Option('--strategy <strategy>', 'how rows lie in the files')
        .choices(['binpack', 'sort', 'zorder', 'hilbert'])
        .default('binpack'),
    )
    .addOption(sortKeysOption('--by <columns>', 'columns to order by; for sort, default: the table’s sort order'))
    .addOption(conditionsOption('--where <condition>', 'only files that may meet it; may be given more than once'))
    .addOption(sizeOption('--target-size <size>', 'of files; default: the table’s own, or 128MiB'))
    .addOption(countOption('--min-files <count>', 'small files of a partition that are worth it; default: 5'))
    .option('--all', 'every file, whatever its size; the default when rows are ordered')
    .addOption(tableBranchOption())
    .addOption(dryRunOption())
    .addOption(branchOption())
    .addHelpText(
      'after',
      examples(
        'phlo table compact bronze.flights --dry-run',
        "phlo table compact bronze.flights --where 'day >= 2026-01-01'",
        "phlo table compact bronze.flights --strategy sort --by 'carrier, day desc'",
        'phlo table compact bronze.flights --strategy zorder --by origin,destination',
      ),
    )
    .action((name: string, options: CompactFlags) =>
      run(async () => (await import('./commands/table/compact.js')).compact(context, globals(), name, options)),
    )
  table
    .command('stats')
    .description('count the distinct values of a table’s columns, for planners')
    .argument('<table>', 'namespace.name')
    .addOption(columnsOption('--columns <columns>', 'only these; default: all that hold single values'))
    .addOption(dryRunOption())
    .addOption(branchOption())
    .addHelpText(
      'after',
      examples('phlo table stats bronze.flights', 'phlo table stats bronze.flights --columns origin,destination'),
    )
    .action((name: string, options: StatsFlags) =>
      run(async () => (await import('./commands/table/stats.js')).stats(context, globals(), name, options)),
    )
  table
    .command('rewrite-manifests')
    .description('write the lists of a table’s files anew, so that planning reads less')
    .argument('<table>', 'namespace.name')
    .addOption(sizeOption('--target-size <size>', 'of manifests; default: the table’s own, or 8MiB'))
    .option('--all', 'also those of the right size, to bring partitions together')
    .addOption(dryRunOption())
    .addOption(branchOption())
    .addHelpText('after', examples('phlo table rewrite-manifests bronze.flights --dry-run'))
    .action((name: string, options: ManifestsFlags) =>
      run(async () => (await import('./commands/table/manifests.js')).manifests(context, globals(), name, options)),
    )
  table
    .command('refs')
    .description('list a table’s own branches and tags')
    .argument('<table>', 'namespace.name')
    .addOption(ref())
    .addHelpText('after', examples('phlo table refs bronze.flights'))
    .action((name: string, options: { ref: string }) =>
      run(async () => (await import('./commands/table/table-refs.js')).refs(context, globals(), name, options)),
    )
  for (const type of ['branch', 'tag'] as const) {
    table
      .command(type)
      .description(`make or delete a ${type} of one table`)
      .argument('<table>', 'namespace.name')
      .argument('<name>', `of the ${type}`)
      .addOption(snapshotsOption('--snapshot <id>', 'what it stands at; default: the present one'))
      .option('--delete', 'delete it')
      .addOption(branchOption())
      .addHelpText(
        'after',
        examples(
          `phlo table ${type} bronze.flights end-of-2025`,
          `phlo table ${type} bronze.flights end-of-2025 --delete`,
        ),
      )
      .action((name: string, refName: string, options: TableRefFlags) =>
        run(async () =>
          (await import('./commands/table/table-refs.js')).changeRef(context, globals(), name, refName, type, options),
        ),
      )
  }

  table
    .command('register')
    .description('take a table that another program made into the lake')
    .argument('<table>', 'its name here: namespace.name')
    .argument('<location>', 'its metadata file, or its folder; in the lake’s own store')
    .addOption(dryRunOption())
    .addOption(branchOption())
    .addHelpText(
      'after',
      examples(
        'phlo table register bronze.old s3://lake/old/metadata/00042-….metadata.json',
        'phlo table register bronze.old .phlo/lake/old',
      ),
    )
    .action((name: string, location: string, options: { ref: string; dryRun?: boolean }) =>
      run(async () =>
        (await import('./commands/table/register.js')).register(context, globals(), name, location, options),
      ),
    )
  table
    .command('add-files')
    .description('make Parquet files part of a table, where they are')
    .argument('<table>', 'namespace.name')
    .argument('<files...>', 'files, or folders of them, in the lake’s own store')
    .option('--copy', 'copy files of this machine into the table’s folder first')
    .addOption(dryRunOption())
    .addOption(branchOption())
    .addHelpText(
      'after',
      examples(
        'phlo table add-files bronze.flights .phlo/lake/landing/2026 --dry-run',
        'phlo table add-files bronze.flights --copy flights-*.parquet',
      ),
    )
    .action((name: string, files: string[], options: AddFilesFlags) =>
      run(async () =>
        (await import('./commands/table/add-files.js')).addFiles(context, globals(), name, files, options),
      ),
    )

  table
    .command('rewrite-deletes')
    .description('put files of position deletes together, as deletion vectors from format version 3 on')
    .argument('<table>', 'namespace.name')
    .addOption(tableBranchOption())
    .addOption(dryRunOption())
    .addOption(branchOption())
    .addHelpText('after', examples('phlo table rewrite-deletes bronze.flights --dry-run'))
    .action((name: string, options: RewriteDeletesFlags) =>
      run(async () =>
        (await import('./commands/table/rewrite-deletes.js')).rewriteDeletes(context, globals(), name, options),
      ),
    )
  table
    .command('dangling-deletes')
    .description('take delete files out of a table that delete no row any more')
    .argument('<table>', 'namespace.name')
    .addOption(dryRunOption())
    .addOption(branchOption())
    .addHelpText('after', examples('phlo table dangling-deletes bronze.flights --dry-run'))
    .action((name: string, options: { ref: string; dryRun?: boolean }) =>
      run(async () =>
        (await import('./commands/table/dangling-deletes.js')).danglingDeletes(context, globals(), name, options),
      ),
    )
}
