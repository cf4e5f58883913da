import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { AssetGraph } from '@phlo/core'
import { currentSchema } from '@phlo/iceberg'
import {
  CatalogPort,
  formatIdentifier,
  hasSystemCode,
  type IcebergType,
  IngestEnginePort,
  nearest,
  parseIdentifier,
  parseRefSpec,
  PhloError,
  QueryEnginePort,
  resolveRef,
  type RowSchema,
  SourcePort,
} from '@phlo/ports'
import { readRows } from '@phlo/core'
import { anyLong, dbtModelSchema, type Reference, rowsOfFields, zodSource } from '@phlo/schema'
import type { Workspace } from '@phlo/authoring/loading'
import { YamlDocument } from '@phlo/core/runtime'
import { type CommandContext, type GlobalOptions, withWorkspace } from '../../command-context.js'
import { exitCode } from '../../exit-codes.js'
import { typeName } from './type-name.js'

export interface GenerateFlags {
  readonly dbt?: string
  readonly model?: string
  readonly table?: string
  readonly sample?: string
  readonly name?: string
  readonly ref: string
}

/** What a schema is made from. */
interface Made {
  readonly rows: RowSchema
  readonly origin: string
  /** What the name is made from, when none is given. */
  readonly called: string
  readonly references?: readonly Reference[]
  readonly unique?: readonly (readonly string[])[]
  readonly notes?: readonly string[]
}

export async function generate(context: CommandContext, globals: GlobalOptions, flags: GenerateFlags): Promise<number> {
  const { terminal } = context
  if ([flags.dbt, flags.table, flags.sample].filter((given) => given !== undefined).length !== 1) {
    throw new PhloError('PHLO_CONFIG_INVALID', 'Name one thing that the schema is made from', {
      hint: 'Give --dbt FILE --model NAME, --table NAMESPACE.TABLE, or --sample PATH.',
    })
  }
  if (flags.name !== undefined && !/^[A-Za-z_$][\w$]*$/.test(flags.name))
    throw new PhloError('PHLO_CONFIG_INVALID', `--name ${flags.name} is no name that a constant can have`)
  return withWorkspace(context, globals, async (workspace) => {
    const {
      rows,
      origin,
      called,
      references = [],
      unique = [],
      notes = [],
    } = await make(workspace, flags, context.signal)
    const name = flags.name ?? typeName(called)
    const source = zodSource(rows, { name, origin, references, unique })
    if (globals.json) terminal.json({ name, origin, source, notes })
    else {
      terminal.print(source.trimEnd())
      for (const note of notes) terminal.note(note)
    }
    return exitCode.ok
  })
}

function make(workspace: Workspace, flags: GenerateFlags, signal: AbortSignal): Promise<Made> {
  if (flags.dbt !== undefined) return fromDbt(workspace, flags.dbt, flags)
  if (flags.table !== undefined) return fromTable(workspace, flags.table, flags.ref)
  return fromSample(workspace, flags.sample as string, signal)
}

async function fromSample({ composition, project }: Workspace, given: string, signal: AbortSignal): Promise<Made> {
  const files = composition.all(SourcePort).find(({ kind }) => kind === 'files')
  if (!files) throw new PhloError('PHLO_PORT_MISSING', 'No plugin of the profile reads files')
  const { inputs } = await files.read({ path: given }, { projectDir: project.dir, signal })
  const [first, ...others] = inputs
  if (!first || others.length > 0)
    throw new PhloError('PHLO_CONFIG_INVALID', `--sample ${given} finds files of several formats`)
  return {
    rows: await composition.get(IngestEnginePort).infer(first, signal),
    origin: given,
    called: path.basename(given).replace(/\..*$/, ''),
  }
}

async function fromTable({ composition }: Workspace, given: string, refText: string): Promise<Made> {
  const catalog = composition.get(CatalogPort)
  const ref = await resolveRef(catalog, parseRefSpec(refText))
  const identifier = parseIdentifier(given)
  const table = identifier && (await catalog.loadTable(identifier, { ref }))
  if (!table) {
    const names = (await catalog.listTables({ ref })).map(formatIdentifier)
    const near = nearest(given, names)
    throw new PhloError('PHLO_TABLE_NOT_FOUND', `There is no table ${given} at ${refText}`, {
      hint: near === undefined ? `Tables: ${names.join(', ') || 'none'}` : `Did you mean ${near}?`,
    })
  }
  const rows = rowsOfFields(currentSchema(table.metadata).fields)
  const { dialect } = composition.get(QueryEnginePort)
  const longs = rows.columns.filter(({ type }) => type === 'long').map(({ name }) => name)
  if (longs.length === 0) return { rows, origin: `the table ${given}`, called: given }
  const limits = longs.map((name, index) => {
    const column = dialect.identifier(name)
    return `max(CASE WHEN ${column} > ${Number.MAX_SAFE_INTEGER} OR ${column} < ${Number.MIN_SAFE_INTEGER} THEN 1 ELSE 0 END) AS l${index}`
  })
  const sql = `SELECT ${limits.join(', ')} FROM ${dialect.table(table.identifier)}`
  const [found = {}] = await readRows(await composition.get(QueryEnginePort).query(sql, { ref }))
  const big = new Set(longs.filter((_name, index) => Number(found[`l${index}`]) === 1))
  const columns = rows.columns.map((column) => (big.has(column.name) ? { ...column, rules: [anyLong] } : column))
  return { rows: { columns }, origin: `the table ${given}`, called: given }
}

async function fromDbt(workspace: Workspace, file: string, { model, ref }: GenerateFlags): Promise<Made> {
  if (model === undefined)
    throw new PhloError('PHLO_CONFIG_INVALID', '--dbt needs --model', { hint: 'Name the model in the YAML.' })
  const { references, ...found } = dbtModelSchema(await readYaml(file), model, await tableTypes(workspace, model, ref))
  return {
    rows: found.rows,
    origin: `the model ${model} in ${file}`,
    called: model,
    references: references.map((reference) => ({ ...reference, to: tableOf(workspace.graph, reference.to) })),
    unique: found.unique,
    notes: found.untyped.map(
      (column) => `The YAML does not tell the type of ${column}; it is a text here. Give it a data_type.`,
    ),
  }
}

async function readYaml(file: string): Promise<unknown> {
  const text = await readFile(path.resolve(file), 'utf8').catch((error: unknown) => {
    if (!hasSystemCode(error, 'ENOENT', 'EISDIR')) throw error
    throw new PhloError('PHLO_SOURCE_NOT_FOUND', `The file ${file} is not there`)
  })
  return (await YamlDocument.parse(path.resolve(file), text)).toValue()
}

/** The types of the model's table, when it was made already. */
async function tableTypes(
  { graph, composition }: Workspace,
  model: string,
  ref: string,
): Promise<ReadonlyMap<string, IcebergType>> {
  const asset = graph.assets.find(({ kind, target }) => kind === 'model' && target.name === model)
  const catalog = composition.get(CatalogPort)
  const table = asset && (await catalog.loadTable(asset.target, { ref: await resolveRef(catalog, parseRefSpec(ref)) }))
  return new Map((table ? currentSchema(table.metadata).fields : []).map(({ name, type }) => [name, type]))
}

/** The table that a model makes; a model that the project does not know keeps its name. */
function tableOf(graph: AssetGraph, model: string): string {
  return graph.assets.find(({ target }) => target.name === model)?.key ?? model
}
