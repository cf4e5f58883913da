import { text } from 'node:stream/consumers'
import {
  CatalogPort,
  type ExecuteResult,
  formatIdentifier,
  PhloError,
  QueryEnginePort,
  requireRunBranches,
} from '@phlo/ports'
import { type CommandContext, type GlobalOptions, withPlugins } from '../command-context.js'
import { exitCode } from '../exit-codes.js'
import { plural } from '../output/numbers.js'

/** Runs one statement that changes a table of a branch. */
export async function sql(
  context: CommandContext,
  globals: GlobalOptions,
  given: string,
  options: { readonly ref: string; readonly message?: string },
): Promise<number> {
  const { terminal } = context
  const statement = given === '-' ? await text(process.stdin) : given
  return withPlugins(context, globals, async ({ composition }) => {
    await requireBranch(requireRunBranches(composition.get(CatalogPort)), options.ref)
    const result = await composition.get(QueryEnginePort).execute(statement, {
      ref: options.ref,
      message: options.message ?? firstLine(statement),
      signal: context.signal,
    })
    const table = formatIdentifier(result.table)
    if (globals.json) {
      const { snapshotId, ...counts } = result
      terminal.json({ ...counts, table, ...(snapshotId !== undefined && { snapshotId: String(snapshotId) }) })
    } else terminal.print(`${outcome(result)} ${table} at ${options.ref}`)
    return exitCode.ok
  })
}

/** Said before the statement is looked at: what it names is looked for at the branch. */
async function requireBranch(
  catalog: { getRef(name: string): Promise<{ readonly type: 'branch' | 'tag' } | undefined> },
  name: string,
): Promise<void> {
  const ref = await catalog.getRef(name)
  if (ref?.type === 'branch') return
  throw new PhloError(
    ref ? 'PHLO_REF_INVALID' : 'PHLO_REF_NOT_FOUND',
    ref ? `${name} is a tag, and tags do not change` : `There is no branch ${name}`,
    { hint: `Make a branch: phlo branch create ${ref ? `from-${name} --from ${name}` : name}` },
  )
}

function firstLine(statement: string): string {
  const line = statement.trim().split('\n', 1)[0] as string
  return line.length > 120 ? `${line.slice(0, 119)}…` : line
}

function outcome({ operation, inserted, updated, deleted }: ExecuteResult): string {
  switch (operation) {
    case 'create':
      return 'Made'
    case 'alter':
      return 'Altered'
    case 'drop':
      return 'Dropped'
    default: {
      const changes = [
        ...(inserted > 0 ? [`${plural(inserted, 'row')} inserted`] : []),
        ...(updated > 0 ? [`${plural(updated, 'row')} updated`] : []),
        ...(deleted > 0 ? [`${plural(deleted, 'row')} deleted`] : []),
      ]
      return `${changes.join(', ') || 'No row changed'} in`
    }
  }
}
