import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { CatalogChange } from '../catalog-change.js'
import { type Catalog, mainBranch } from '../catalog.js'
import { isPhloError } from '../errors.js'
import type { TableUpdate } from '../iceberg-model.js'
import { formatIdentifier, parseIdentifier, type TableIdentifier } from '../table-identifier.js'
import type { ViewUpdate } from '../view-model.js'
import type { TestRunner } from './runner.js'

/** What the contract suites of catalogs share: the changes that they make, and how they look at what came of them. */

/** Where the suites get their catalogs: `create` gives a fresh, empty one; `reopen` a second client of the same. */
export interface CatalogFixture<C extends Catalog = Catalog> {
  readonly create: () => Promise<C>
  readonly reopen?: (catalog: C) => Promise<C>
}

/** A test over a fresh catalog that is closed afterwards. */
export type UsingCatalog<C extends Catalog = Catalog> = (title: string, body: (catalog: C) => Promise<void>) => void

export function usingCatalog<C extends Catalog>({ create }: CatalogFixture<C>, { it }: TestRunner): UsingCatalog<C> {
  return (title, body) =>
    it(title, async () => {
      const catalog = await create()
      try {
        await body(catalog)
      } finally {
        await catalog.close()
      }
    })
}

export function withCode(code: string) {
  return (error: unknown) => {
    assert.ok(isPhloError(error, code), `${code} expected, not ${String(error)}`)
    return true
  }
}

export function table(text: string): TableIdentifier {
  const identifier = parseIdentifier(text)
  assert.ok(identifier)
  return identifier
}

export const schema = {
  type: 'struct',
  'schema-id': 0,
  fields: [{ id: 1, name: 'id', required: true, type: 'long' }],
} as const

/** The change that makes a small table without data. */
export function newTable(catalog: Catalog, identifier: TableIdentifier): CatalogChange {
  const updates: TableUpdate[] = [
    { action: 'assign-uuid', uuid: randomUUID() },
    { action: 'upgrade-format-version', 'format-version': 2 },
    { action: 'set-location', location: catalog.newTableLocation(identifier) },
    { action: 'add-schema', schema },
    { action: 'set-current-schema', 'schema-id': -1 },
    { action: 'add-spec', spec: { 'spec-id': 0, fields: [] } },
    { action: 'set-default-spec', 'spec-id': -1 },
    { action: 'add-sort-order', 'sort-order': { 'order-id': 0, fields: [] } },
    { action: 'set-default-sort-order', 'sort-order-id': -1 },
  ]
  return { kind: 'table', identifier, requirements: [{ type: 'assert-create' }], updates }
}

/** The change that sets a property, whatever the table's state. */
export function setProperty(identifier: TableIdentifier, key: string, value: string): CatalogChange {
  return {
    kind: 'table',
    identifier,
    requirements: [],
    updates: [{ action: 'set-properties', updates: { [key]: value } }],
  }
}

/** The change that makes a view of one query. */
export function viewCreation(catalog: Catalog, identifier: TableIdentifier, sql: string): CatalogChange {
  const updates: ViewUpdate[] = [
    { action: 'assign-uuid', uuid: randomUUID() },
    { action: 'upgrade-format-version', 'format-version': 1 },
    { action: 'set-location', location: catalog.newTableLocation(identifier) },
    ...viewQuery(sql),
  ]
  return { kind: 'view', identifier, requirements: [{ type: 'assert-create' }], updates }
}

/** The change that gives a view another query. */
export function viewReplacement(identifier: TableIdentifier, sql: string): CatalogChange {
  return { kind: 'view', identifier, requirements: [], updates: viewQuery(sql) }
}

function viewQuery(sql: string): ViewUpdate[] {
  return [
    { action: 'add-schema', schema },
    {
      action: 'add-view-version',
      'view-version': {
        'version-id': 1,
        'schema-id': -1,
        'timestamp-ms': Date.now(),
        summary: { 'engine-name': 'contract' },
        representations: [{ type: 'sql', sql, dialect: 'duckdb' }],
        'default-namespace': ['a'],
      },
    },
    { action: 'set-current-view-version', 'view-version-id': -1 },
  ]
}

export const namespaceOf = (...namespace: string[]): CatalogChange => ({
  kind: 'create-namespace',
  namespace,
  ifNotExists: true,
})

/** Commits the changes: together where the catalog can, otherwise one after the other. The last commit's id. */
export async function seed(
  catalog: Catalog,
  changes: readonly CatalogChange[],
  ref: string = mainBranch,
): Promise<string> {
  const commits = catalog.supports.mixedCommit ? [changes] : changes.map((change) => [change])
  let last: string | undefined
  for (const batch of commits) last = (await catalog.commit(batch, { message: 'seed', ref })).commit
  return last ?? ''
}

export async function propertyOf(
  catalog: Catalog,
  identifier: TableIdentifier,
  key: string,
  ref?: string,
): Promise<string | undefined> {
  const loaded = await catalog.loadTable(identifier, ref === undefined ? {} : { ref })
  return loaded?.metadata.properties?.[key]
}

export async function tableNames(
  catalog: Catalog,
  options: { ref?: string; namespace?: string[] } = {},
): Promise<string[]> {
  return (await catalog.listTables(options)).map(formatIdentifier)
}

export async function viewNames(
  catalog: Catalog,
  options: { ref?: string; namespace?: string[] } = {},
): Promise<string[]> {
  return (await catalog.listViews(options)).map(formatIdentifier)
}

/** The view's queries, oldest first. */
export async function queriesOf(catalog: Catalog, identifier: TableIdentifier, ref?: string): Promise<string[]> {
  const view = await catalog.loadView(identifier, ref === undefined ? {} : { ref })
  return view?.metadata.versions.map(({ representations }) => representations[0]?.sql ?? '') ?? []
}

/** The current query of the view. */
export async function queryOf(
  catalog: Catalog,
  identifier: TableIdentifier,
  ref?: string,
): Promise<string | undefined> {
  const { metadata } = (await catalog.loadView(identifier, ref === undefined ? {} : { ref })) ?? {}
  const current = metadata?.versions.find((version) => version['version-id'] === metadata['current-version-id'])
  return current?.representations[0]?.sql
}

export async function propertiesOf(
  catalog: Catalog,
  namespace: string,
  ref?: string,
): Promise<Readonly<Record<string, string>> | undefined> {
  const all = await catalog.listNamespaces(ref === undefined ? {} : { ref })
  return all.find((candidate) => candidate.namespace.join('.') === namespace)?.properties
}
