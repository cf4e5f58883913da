import { readFile } from 'node:fs/promises'
import path from 'node:path'
import {
  type DeclaredTest,
  formatIdentifier,
  nearest,
  PhloError,
  type SourceLocation,
  type SqlDialect,
  type TableIdentifier,
  type Transformer,
  type TransformModel,
} from '@phlo/ports'
import { type DbtProject, readDbtProject, type YamlTest } from './dbt-project.js'
import { type Call, type Literal, literalText, parseCall } from './expression.js'
import { renderTemplate, type TemplateCall } from './template.js'
import { dbtTestName, dbtTestSeverity } from './tests.js'

/** A model's file before its references are resolved. */
interface Draft {
  readonly name: string
  readonly file: string
  readonly text: string
  readonly target: TableIdentifier
  readonly config: ModelConfig
}

interface ModelConfig {
  readonly schema?: string
  readonly tags: readonly string[]
  readonly partitionBy: readonly string[]
}

/** SQL models of a dbt project, made into tables. */
export class DbtTransformer implements Transformer {
  private readonly dir: string
  private readonly dialect: SqlDialect

  constructor(dir: string, dialect: SqlDialect) {
    this.dir = dir
    this.dialect = dialect
  }

  async models(): Promise<readonly TransformModel[]> {
    const project = await readDbtProject(this.dir)
    const drafts = new Map<string, Draft>()
    for (const { file, folders } of project.models) {
      const draft = await readDraft(project, file, folders)
      const other = drafts.get(draft.name)
      if (other) {
        throw new PhloError('PHLO_ASSET_DUPLICATE', `Two models are named ${draft.name}`, {
          hint: `The other is ${other.file}.`,
          location: { file, line: 1 },
        })
      }
      drafts.set(draft.name, draft)
    }
    for (const [name, { location }] of project.properties) {
      if (!drafts.has(name))
        throw new PhloError('PHLO_ASSET_UNKNOWN', `There is no model ${name}`, {
          hint: hintFor(name, drafts),
          location,
        })
    }
    const compiled = new Map([...drafts].map(([name, draft]) => [name, this.compile(project, draft, drafts)]))
    const singular = await this.singularTests(project, drafts, compiled)
    return [...compiled].map(([name, model]) => {
      const draft = drafts.get(name) as Draft
      const declared = project.properties.get(name)?.tests ?? []
      const generic = declared.map((test) => this.genericTest(project, draft, drafts, test))
      return { ...model, tests: distinctNames([...generic, ...(singular.get(name) ?? [])]) }
    })
  }

  /** The model without its tests. */
  private compile(project: DbtProject, draft: Draft, drafts: ReadonlyMap<string, Draft>): TransformModel {
    const inputs = new Map<string, TableIdentifier>()
    const { text, locate } = renderTemplate(draft.text, draft.file, (call) => {
      if (call.name === 'config') return ''
      const value = this.resolve(project, drafts, call, draft.file)
      if (typeof value === 'string') return value
      inputs.set(formatIdentifier(value), value)
      return this.dialect.table(value)
    })
    const properties = project.properties.get(draft.name)
    return {
      target: draft.target,
      name: draft.name,
      inputs: [...inputs.values()],
      ...(properties?.description !== undefined && { description: properties.description }),
      columnDocs: properties?.columnDocs ?? {},
      partitionBy: draft.config.partitionBy,
      tags: draft.config.tags,
      tests: [],
      sql: text,
      location: { file: draft.file, line: 1 },
      locate,
    }
  }

  /** A table for `ref` and `source`, text for `var`. */
  private resolve(
    project: DbtProject,
    drafts: ReadonlyMap<string, Draft>,
    call: TemplateCall | (Call & Partial<TemplateCall>),
    file: string,
  ): TableIdentifier | string {
    const location: SourceLocation = {
      file,
      ...(call.line !== undefined && { line: call.line }),
      ...(call.column !== undefined && { column: call.column }),
    }
    const texts = call.positional.map(literalText)
    const [option] = Object.keys(call.named)
    if (option !== undefined && ['ref', 'source', 'var'].includes(call.name)) {
      throw new PhloError('PHLO_TEMPLATE_INVALID', `${call.name}() with ${option}=… is not supported yet`, { location })
    }
    switch (call.name) {
      case 'ref': {
        const name = texts.at(-1)
        if (name === undefined || texts.length > 2) {
          throw new PhloError('PHLO_TEMPLATE_INVALID', 'ref() takes a model’s name', {
            hint: "Write ref('flights_enriched').",
            location,
          })
        }
        const draft = drafts.get(name)
        if (draft) return draft.target
        throw new PhloError('PHLO_ASSET_UNKNOWN', `There is no model ${JSON.stringify(name)}`, {
          hint: hintFor(name, drafts),
          location,
        })
      }
      case 'source': {
        const [source, table] = texts
        if (source === undefined || table === undefined || texts.length > 2) {
          throw new PhloError('PHLO_TEMPLATE_INVALID', 'source() takes two names', {
            hint: "Write source('bronze', 'flights').",
            location,
          })
        }
        // A source that no file describes names the table itself.
        const declared = project.sources.get(`${source}.${table}`)
        return { namespace: [declared?.schema ?? source], name: declared?.name ?? table }
      }
      case 'var': {
        const [given, fallback] = call.positional
        if (given === undefined || call.positional.length > 2) {
          throw new PhloError('PHLO_TEMPLATE_INVALID', 'var() takes a name, and a value for when it is not set', {
            location,
          })
        }
        const name = literalText(given)
        const own = (project.settings.vars?.[project.settings.name] as Record<string, unknown> | undefined)?.[name]
        const value = own ?? project.settings.vars?.[name] ?? fallback
        if (value !== undefined) return literalText(value as Literal)
        throw new PhloError('PHLO_TEMPLATE_INVALID', `The variable ${name} is not set`, {
          hint: 'Set it under vars in dbt_project.yml.',
          location,
        })
      }
      default:
        throw new PhloError('PHLO_TEMPLATE_INVALID', `${call.name}() is not supported yet`, {
          hint: "Models may use ref('…'), source('…', '…'), config(…) and var('…').",
          location,
        })
    }
  }

  private genericTest(
    project: DbtProject,
    draft: Draft,
    drafts: ReadonlyMap<string, Draft>,
    test: YamlTest,
  ): DeclaredTest {
    const { location } = test
    const {
      severity,
      config,
      tags,
      name,
      description: _,
      column_name: named,
      ...given
    } = test.arguments as {
      severity?: string
      config?: Readonly<Record<string, unknown>>
      tags?: unknown
      name?: string
      description?: string
      column_name?: string
    } & Record<string, unknown>
    const { severity: configured, tags: configuredTags, ...otherConfig } = config ?? {}
    const column = test.column ?? named
    const known = testArguments.get(test.type)
    const [unsupported] = [...Object.keys(given).filter((key) => !known?.includes(key)), ...Object.keys(otherConfig)]
    if (known && unsupported !== undefined) {
      throw new PhloError('PHLO_CHECK_INVALID', `The test ${test.type} takes no ${unsupported} yet`, {
        hint: 'Left out, it would check something else than what is written. A SELECT of the wrong rows in tests/ can say it.',
        location,
      })
    }
    const base = {
      name: dbtTestName(name ?? test.type, column === undefined ? draft.name : `${draft.name}.${column}`),
      severity: severityOf(severity ?? configured, [...strings(tags), ...strings(configuredTags)], location, test.type),
      location,
    }
    const needColumn = () => {
      if (column !== undefined) return column
      throw new PhloError('PHLO_CHECK_INVALID', `The test ${test.type} needs a column`, { location })
    }
    switch (test.type) {
      case 'not_null':
        return { ...base, kind: 'null', options: { columns: [needColumn()] } }
      case 'unique':
        return { ...base, kind: 'unique', options: { columns: [needColumn()] } }
      case 'accepted_values':
        if (!Array.isArray(given['values']))
          throw new PhloError('PHLO_CHECK_INVALID', 'accepted_values needs a list of values', { location })
        return { ...base, kind: 'accepted_values', options: { column: needColumn(), values: given['values'] } }
      case 'relationships': {
        const call = parseCall(String(given['to']))
        const table = call && this.resolve(project, drafts, call, location.file)
        if (typeof table !== 'object' || typeof given['field'] !== 'string')
          throw new PhloError(
            'PHLO_CHECK_INVALID',
            'relationships needs `to: ref(…)` or `to: source(…)`, and `field`',
            { location },
          )
        return {
          ...base,
          kind: 'referential',
          options: { column: needColumn(), to: formatIdentifier(table), field: given['field'] },
        }
      }
      default:
        throw new PhloError('PHLO_CHECK_INVALID', `The test ${test.type} is not supported yet`, {
          hint: 'Use not_null, unique, accepted_values or relationships, or a SELECT of the wrong rows in tests/.',
          location,
        })
    }
  }

  /**
   * Each file in `tests/` is a SELECT of wrong rows. It belongs to the model that it refers to; of several, to the one
   * that is made last, when the others are there.
   */
  private async singularTests(
    project: DbtProject,
    drafts: ReadonlyMap<string, Draft>,
    models: ReadonlyMap<string, TransformModel>,
  ): Promise<Map<string, DeclaredTest[]>> {
    const order = makingOrder(models)
    const tests = new Map<string, DeclaredTest[]>()
    for (const file of project.tests) {
      const referred = new Set<string>()
      let severity: Literal | undefined
      const tags: string[] = []
      const { text } = renderTemplate(await readText(file), file, (call) => {
        if (call.name === 'config') {
          const { severity: given, tags: givenTags, ...others } = call.named
          const [unsupported] = Object.keys(others)
          if (unsupported !== undefined) {
            throw new PhloError('PHLO_UNSUPPORTED', `The config ${unsupported} of a test is not supported yet`, {
              location: { file, line: call.line, column: call.column },
            })
          }
          severity = given
          tags.push(...strings(givenTags))
          return ''
        }
        const value = this.resolve(project, drafts, call, file)
        if (typeof value === 'string') return value
        if (call.name === 'ref') referred.add(literalText(call.positional.at(-1)))
        return this.dialect.table(value)
      })
      const owner = order.findLast((name) => referred.has(name))
      const location = { file, line: 1 }
      if (owner === undefined) {
        throw new PhloError('PHLO_CHECK_INVALID', 'A test must refer to a model', {
          hint: "Select from {{ ref('…') }}.",
          location,
        })
      }
      tests.set(owner, [
        ...(tests.get(owner) ?? []),
        {
          kind: 'custom_sql',
          options: { failingRows: text },
          name: dbtTestName(path.basename(file, '.sql'), owner),
          severity: severityOf(severity, tags, location),
          location,
        },
      ])
    }
    return tests
  }
}

/** What each test takes beside its column, severity, tags and name. */
const testArguments = new Map<string, readonly string[]>([
  ['not_null', []],
  ['unique', []],
  // What stands in quotes follows from the column's type here.
  ['accepted_values', ['values', 'quote']],
  ['relationships', ['to', 'field']],
])

function severityOf(
  declared: unknown,
  tags: readonly string[],
  location: SourceLocation,
  type?: string,
): DeclaredTest['severity'] {
  if (declared !== undefined && (typeof declared !== 'string' || !/^(warn|error)$/i.test(declared))) {
    throw new PhloError('PHLO_CHECK_INVALID', `A test’s severity is warn or error, not ${JSON.stringify(declared)}`, {
      location,
    })
  }
  return dbtTestSeverity({
    tags,
    ...(type !== undefined && { type }),
    ...(declared !== undefined && { declared }),
  })
}

/** Two tests of one kind on one column are told apart by a number. */
function distinctNames(tests: readonly DeclaredTest[]): DeclaredTest[] {
  const taken = new Set<string>()
  return tests.map((test) => {
    let { name } = test
    for (let count = 2; taken.has(name); count++) name = `${test.name}_${count}`
    taken.add(name)
    return { ...test, name }
  })
}

/** The models' names, each behind those that it reads; otherwise in the order given. */
function makingOrder(models: ReadonlyMap<string, TransformModel>): string[] {
  const byTable = new Map([...models].map(([name, { target }]) => [formatIdentifier(target), name]))
  const order = new Set<string>()
  const seen = new Set<string>()
  const visit = (name: string): void => {
    if (seen.has(name)) return
    seen.add(name)
    for (const input of models.get(name)?.inputs ?? []) {
      const upstream = byTable.get(formatIdentifier(input))
      if (upstream !== undefined) visit(upstream)
    }
    order.add(name)
  }
  for (const name of models.keys()) visit(name)
  return [...order]
}

/** Without the byte order mark that some editors write, which would be a character of the statement. */
async function readText(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).replace(/^\uFEFF/, '')
}

async function readDraft(project: DbtProject, file: string, folders: readonly string[]): Promise<Draft> {
  const text = await readText(file)
  const name = path.basename(file, '.sql')
  let own: Record<string, unknown> = {}
  let place: { line: number; column: number } = { line: 1, column: 1 }
  renderTemplate(text, file, (call) => {
    if (call.name !== 'config') return ''
    own = { ...own, ...call.named }
    place = { line: call.line, column: call.column }
    return ''
  })
  const properties = project.properties.get(name)?.config ?? {}
  const config = { ...folderConfig(project, folders, name), ...properties, ...own }
  return { name, file, text, ...modelTarget(name, file, folders, config, place) }
}

function modelTarget(
  name: string,
  file: string,
  folders: readonly string[],
  config: Readonly<Record<string, unknown>>,
  place: { line: number; column: number },
) {
  const location = { file, ...place }
  const { materialized = 'table', schema, tags, partition_by: partitionBy, alias, enabled, ...others } = config
  if (materialized !== 'table') {
    throw new PhloError(
      'PHLO_UNSUPPORTED',
      `The model ${name} is materialized as ${JSON.stringify(materialized)}, which is not supported yet`,
      {
        hint: "Use materialized='table', which is the default.",
        location,
      },
    )
  }
  const [unknown] = Object.keys(others)
  if (unknown !== undefined || enabled === false) {
    throw new PhloError(
      'PHLO_UNSUPPORTED',
      `The config ${unknown ?? 'enabled'} of the model ${name} is not supported yet`,
      { location },
    )
  }
  const namespace = typeof schema === 'string' ? schema : folders[0]
  if (namespace === undefined) {
    throw new PhloError('PHLO_CONFIG_INVALID', `The model ${name} has no schema`, {
      hint: "Put it into a folder, or write {{ config(schema='…') }}.",
      location,
    })
  }
  return {
    target: { namespace: [namespace], name: typeof alias === 'string' ? alias : name },
    config: { tags: strings(tags), partitionBy: strings(partitionBy) },
  }
}

/** Configs of dbt_project.yml that apply to a folder: deeper ones win. A `+` marks a config where a folder could be. */
function folderConfig(project: DbtProject, folders: readonly string[], name: string): Record<string, unknown> {
  const known = new Set(['materialized', 'schema', 'tags', 'partition_by', 'enabled', 'alias'])
  let config: Record<string, unknown> = {}
  let level: unknown = project.settings.models
  for (const key of [undefined, project.settings.name, ...folders, name]) {
    if (key !== undefined) level = (level as Record<string, unknown> | undefined)?.[key]
    if (typeof level !== 'object' || level === null) return config
    for (const [option, value] of Object.entries(level as Record<string, unknown>)) {
      if (option.startsWith('+')) config = { ...config, [option.slice(1)]: value }
      else if (known.has(option) && (typeof value !== 'object' || Array.isArray(value)))
        config = { ...config, [option]: value }
    }
  }
  return config
}

function strings(value: unknown): string[] {
  if (value === undefined || value === null) return []
  return (Array.isArray(value) ? value : [value]).map(String)
}

function hintFor(name: string, drafts: ReadonlyMap<string, Draft>): string {
  const names = [...drafts.keys()]
  const near = nearest(name, names)
  if (near !== undefined) return `Did you mean ${near}?`
  const close = name === '' ? [] : names.filter((candidate) => candidate.includes(name) || name.includes(candidate))
  return close.length > 0 ? `Did you mean ${close.join(' or ')}?` : `Models: ${names.join(', ')}.`
}
