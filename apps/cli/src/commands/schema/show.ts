import { type Asset, selectAssets } from '@phlo/core'
import type { Workspace } from '@phlo/authoring/loading'
import { currentSchema, formatType } from '@phlo/iceberg'
import {
  CatalogPort,
  isPhloError,
  type LoadedTable,
  parseIdentifier,
  parseRefSpec,
  PhloError,
  QueryEnginePort,
  resolveRef,
  type RowSchema,
  type SqlDialect,
} from '@phlo/ports'
import {
  columnPredicates,
  type ContractOptions,
  dataContract,
  jsonSchema,
  rowPredicates,
  rowsOfFields,
  rowType,
  schemaDocs,
} from '@phlo/schema'
import { type CommandContext, type GlobalOptions, withWorkspace } from '../../command-context.js'
import { exitCode } from '../../exit-codes.js'
import { typeName } from './type-name.js'

export interface ShowFlags {
  readonly as: 'docs' | 'contract' | 'json-schema' | 'typescript' | 'sql'
  readonly ref: string
}

export async function show(
  context: CommandContext,
  globals: GlobalOptions,
  name: string,
  flags: ShowFlags,
): Promise<number> {
  const { terminal } = context
  return withWorkspace(context, globals, async (workspace) => {
    const { rows, options } = await find(workspace, name, flags.ref)
    const contract = dataContract(rows, options)
    const pretty = (value: unknown) => terminal.print(JSON.stringify(value, undefined, 2))
    if (globals.json && flags.as === 'docs') terminal.json(contract)
    else if (flags.as === 'contract') pretty(contract)
    else if (flags.as === 'json-schema') pretty(jsonSchema(rows, { title: options.table }))
    else terminal.print(text(flags.as, contract.table, rows, options, workspace).trimEnd())
    return exitCode.ok
  })
}

function text(
  as: 'docs' | 'typescript' | 'sql',
  table: string,
  rows: RowSchema,
  options: ContractOptions,
  workspace: Workspace,
): string {
  switch (as) {
    case 'docs':
      return schemaDocs(dataContract(rows, options), formatType)
    case 'typescript':
      return rowType(typeName(table), rows)
    case 'sql':
      return conditions(rows, workspace.composition.get(QueryEnginePort).dialect)
  }
}

/** Each condition on a line, with what it says before it. */
function conditions({ columns, rules = [] }: RowSchema, dialect: SqlDialect): string {
  const named = (name: string) => dialect.identifier(name)
  return [
    ...columns.flatMap((column) => [
      ...(column.required ? [`-- ${column.name} must not be null\n${named(column.name)} IS NOT NULL`] : []),
      ...columnPredicates(column, named(column.name), dialect).map(
        ({ description, passes }) => `-- ${description}\n${passes}`,
      ),
    ]),
    ...rowPredicates(rules, named).map(({ description, passes }) => `-- ${description}\n${passes}`),
  ].join('\n')
}

interface Found {
  readonly rows: RowSchema
  readonly options: ContractOptions
}

/** The schema that an asset declares; of a model, or where there is no such asset, the table's own. */
async function find({ graph, composition }: Workspace, name: string, ref: string): Promise<Found> {
  let asset: Asset | undefined
  let unknown: PhloError | undefined
  try {
    asset = selectAssets(graph, [name])[0]
  } catch (error) {
    if (!isPhloError(error, 'PHLO_ASSET_UNKNOWN')) throw error
    unknown = error
  }
  const described = asset?.description === undefined ? {} : { description: asset.description }
  if (asset?.kind === 'ingestion') {
    const key = 'key' in asset.strategy ? asset.strategy.key : []
    return { rows: asset.schema, options: { table: asset.key, key, ...described } }
  }
  const catalog = composition.get(CatalogPort)
  const identifier = asset?.target ?? parseIdentifier(name)
  const table: LoadedTable | undefined =
    identifier && (await catalog.loadTable(identifier, { ref: await resolveRef(catalog, parseRefSpec(ref)) }))
  if (!table) {
    throw (
      unknown ??
      new PhloError('PHLO_TABLE_NOT_FOUND', `The table of ${name} was not made yet at ${ref}`, { hint: 'phlo run' })
    )
  }
  return {
    rows: rowsOfFields(currentSchema(table.metadata).fields),
    options: { table: asset?.key ?? name, ...described },
  }
}
