import { type Command, Option } from 'commander'
import type { RepairFlags, SelectionFlags } from './commands/quarantine.js'
import type { CommandContext, GlobalOptions } from './command-context.js'
import { examples } from './output/examples.js'

/** `phlo quarantine …`. Commands are imported when they run. */
export function addQuarantineCommands(
  program: Command,
  context: CommandContext,
  run: (work: () => Promise<number>) => Promise<void>,
): void {
  const globals = () => program.opts<GlobalOptions>()
  const quarantine = program
    .command('quarantine')
    .description('rows that did not meet their asset’s schema: look at them, put them right, take them in')
  const collect = (given: string, all: readonly string[] = []) => [...all, given]
  const selecting = (command: Command) =>
    command
      .argument('<asset>')
      .option('--run <id>', 'rows that this run rejected')
      .option('--rule <rule>', 'rows that broke this rule, for instance "amount min"')
      .addOption(new Option('--id <id>', 'this row; may be given several times').argParser(collect))
  quarantine
    .command('list', { isDefault: true })
    .description('list assets with rows in quarantine')
    .addHelpText('after', examples('phlo quarantine list', 'phlo quarantine list --json'))
    .action(() => run(async () => (await import('./commands/quarantine.js')).list(context, globals())))
  selecting(quarantine.command('show').description('show rejected rows with reason and place'))
    .option('--limit <rows>', 'how many; all with --json', '20')
    .addHelpText(
      'after',
      examples(
        'phlo quarantine show orders',
        'phlo quarantine show orders --rule "amount min"',
        'phlo quarantine show orders --json > rejected.ndjson',
      ),
    )
    .action((asset: string, options: SelectionFlags & { limit: string }) =>
      run(async () => (await import('./commands/quarantine.js')).show(context, globals(), asset, options)),
    )
  selecting(
    quarantine.command('repair').description('write down how rejected rows should be; a replay then takes them so'),
  )
    .addOption(
      new Option('--set <column=sql>', 'a column’s new value: SQL over the row’s columns, which are texts').argParser(
        collect,
      ),
    )
    .option(
      '--rows <file>',
      'whole rows: lines of JSON with `id` and `row`, as `show --json` prints them; - reads them',
    )
    .addHelpText(
      'after',
      examples(
        'phlo quarantine repair orders --rule "amount min" --set "amount=abs(CAST(amount AS DOUBLE))"',
        'phlo quarantine repair orders --rows rejected.ndjson',
        'phlo quarantine replay orders',
      ),
    )
    .action((asset: string, options: RepairFlags) =>
      run(async () => (await import('./commands/quarantine.js')).repair(context, globals(), asset, options)),
    )
  selecting(
    quarantine
      .command('replay')
      .description(
        'take rejected rows in once more, as a run: on a branch, checked, then published with what still fails',
      ),
  )
    .addHelpText('after', examples('phlo quarantine replay orders', 'phlo quarantine replay orders --id 3f9a1c'))
    .action((asset: string, options: SelectionFlags) =>
      run(async () => (await import('./commands/quarantine.js')).replay(context, globals(), asset, options)),
    )
}
