import { PhloError } from '@phlo/ports'
import { isObject, isTextMap } from './shape.js'

/** What a catalog says of itself. Source: REST catalog, `/v1/config`. */
export interface CatalogConfig {
  /** The client's own settings between the server's defaults and its overrides. */
  readonly properties: Readonly<Record<string, string>>
  readonly endpoints: ReadonlySet<string>
  /** The server knows a request that it did already by its Idempotency-Key. */
  readonly idempotencyKeys: boolean
}

const namespaces = '/v1/{prefix}/namespaces'
const namespace = `${namespaces}/{namespace}`
const table = `${namespace}/tables/{table}`

/** Endpoints by the names that servers list them under. */
export const endpoints = {
  listNamespaces: `GET ${namespaces}`,
  createNamespace: `POST ${namespaces}`,
  loadNamespace: `GET ${namespace}`,
  dropNamespace: `DELETE ${namespace}`,
  updateNamespace: `POST ${namespace}/properties`,
  listTables: `GET ${namespace}/tables`,
  createTable: `POST ${namespace}/tables`,
  loadTable: `GET ${table}`,
  commitTable: `POST ${table}`,
  dropTable: `DELETE ${table}`,
  registerTable: `POST ${namespace}/register`,
  renameTable: 'POST /v1/{prefix}/tables/rename',
  commitTransaction: 'POST /v1/{prefix}/transactions/commit',
  loadCredentials: `GET ${table}/credentials`,
  listViews: `GET ${namespace}/views`,
  loadView: `GET ${namespace}/views/{view}`,
  createView: `POST ${namespace}/views`,
  replaceView: `POST ${namespace}/views/{view}`,
  dropView: `DELETE ${namespace}/views/{view}`,
  renameView: 'POST /v1/{prefix}/views/rename',
} as const

/** What a server that lists no endpoints has. Source: REST catalog, `/v1/config`. */
const endpointsUnlisted: readonly string[] = [
  endpoints.listNamespaces,
  endpoints.createNamespace,
  endpoints.loadNamespace,
  endpoints.dropNamespace,
  endpoints.updateNamespace,
  endpoints.listTables,
  endpoints.createTable,
  endpoints.loadTable,
  endpoints.commitTable,
  endpoints.dropTable,
  endpoints.registerTable,
  endpoints.renameTable,
  endpoints.commitTransaction,
]

/** Reads the answer to `/v1/config`. Throws PHLO_CATALOG_FAILED. */
export function catalogConfig(body: unknown, own: Readonly<Record<string, string>>): CatalogConfig {
  const fail = (problem: string): never => {
    throw new PhloError('PHLO_CATALOG_FAILED', `The catalog’s configuration: ${problem}`, {
      hint: 'Is `uri` that of an Iceberg REST catalog, without `/v1`?',
    })
  }
  if (!isObject(body)) return fail('is no JSON object')
  const { defaults = {}, overrides = {}, endpoints: listed } = body
  if (!isTextMap(defaults ?? {})) fail('`defaults` hold something other than text')
  if (!isTextMap(overrides ?? {})) fail('`overrides` hold something other than text')
  const known = listed === undefined || listed === null ? endpointsUnlisted : listed
  if (!Array.isArray(known) || !known.every((item) => typeof item === 'string'))
    return fail('`endpoints` is no list of text')
  return {
    properties: { ...(defaults as Record<string, string>), ...own, ...(overrides as Record<string, string>) },
    endpoints: new Set(known),
    idempotencyKeys: typeof body['idempotency-key-lifetime'] === 'string',
  }
}
