import { type Command, Option } from 'commander'
import type { GenerateFlags } from './commands/schema/generate.js'
import type { ShowFlags } from './commands/schema/show.js'
import type { CommandContext, GlobalOptions } from './command-context.js'
import { examples } from './output/examples.js'

/** `phlo schema …`. Commands are imported when they run. */
export function addSchemaCommands(
  program: Command,
  context: CommandContext,
  run: (work: () => Promise<number>) => Promise<void>,
): void {
  const globals = () => program.opts<GlobalOptions>()
  const schema = program.command('schema').description('what rows of assets and tables must be')
  schema
    .command('show')
    .description('show an asset’s or table’s schema, or what follows from it')
    .argument('<name>', 'an asset, or a table as namespace.table')
    .addOption(
      new Option('--as <kind>', 'contract and json-schema are JSON, docs is Markdown, sql the conditions as they run')
        .choices(['docs', 'contract', 'json-schema', 'typescript', 'sql'])
        .default('docs'),
    )
    .option('--ref <ref>', 'where a table is read', 'main')
    .addHelpText(
      'after',
      examples(
        'phlo schema show orders',
        'phlo schema show orders --as contract > contracts/orders.json',
        'phlo schema show gold.revenue --as typescript',
      ),
    )
    .action((name: string, options: ShowFlags) =>
      run(async () => (await import('./commands/schema/show.js')).show(context, globals(), name, options)),
    )
  schema
    .command('generate')
    .description('write the TypeScript of a schema from what there is: a dbt YAML, a table, or a sample of data')
    .option('--dbt <file>', 'a YAML of dbt; name the model with --model')
    .option('--model <name>', 'the model in it')
    .option('--table <table>', 'a table, as namespace.table')
    .option('--sample <path>', 'files of CSV, JSON lines, JSON or Parquet: a path or glob')
    .option('--name <name>', 'the constant’s name; default: from the model, table or file')
    .option('--ref <ref>', 'where a table is read', 'main')
    .addHelpText(
      'after',
      examples(
        'phlo schema generate --sample data/orders.csv > workflows/orders-schema.ts',
        'phlo schema generate --table bronze.orders --name Order',
        'phlo schema generate --dbt workflows/transforms/dbt/models/gold/models.yml --model revenue',
      ),
    )
    .action((options: GenerateFlags) =>
      run(async () => (await import('./commands/schema/generate.js')).generate(context, globals(), options)),
    )
}
