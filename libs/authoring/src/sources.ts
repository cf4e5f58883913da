import type { SourceSpec } from '@phlo/ports'

/** Files to read, relative to the project's folder. Read by the plugin `@phlo/source-files`. */
export interface FilesOptions {
  /** Paths or globs (`*`, `**`, `?`, `[…]`, `{a,b}`). */
  readonly path: string | readonly string[]
  /** Found from the files' names when absent. */
  readonly format?: 'parquet' | 'csv' | 'ndjson' | 'json' | 'arrow' | 'excel'
  /** Of text, as the Encoding Standard names it, for instance `windows-1252`. Default UTF-8, or UTF-16 where the file shows it. */
  readonly encoding?: string
  /** CSV's separator; found from the header when absent. */
  readonly delimiter?: string
  /** CSV's quote. Default `"`. */
  readonly quote?: string
  /** What makes a quote within quotes stand for itself. Default the quote, doubled. */
  readonly escape?: string
  /** Lines of CSV that start with this character are left out. */
  readonly comment?: string
  /** Lines before the header of a CSV file or a sheet. */
  readonly skipLines?: number
  /** The columns of CSV files or sheets that have no header. */
  readonly columns?: readonly string[]
  /** An Excel file's sheet, by name or counted from 1. Default the first. */
  readonly sheet?: string | number
  /** CSV's text for NULL beside the empty field. */
  readonly nullText?: string
  /**
   * Each file is taken in once: a run reads only the files that are new since the last one, or have another size or time
   * of change. What was read is kept with the data, in the same commit. For assets that append or merge.
   */
  readonly once?: boolean
}

/** Reads CSV, JSON lines, JSON, Parquet, Arrow or Excel files, compressed ones (`.gz`, `.zst`, `.br`) too. */
export function files(options: FilesOptions): SourceSpec {
  return { kind: 'files', options }
}

/** A time as text: `500ms`, `10s`, `5m`, `2h`, `1d`. */
type Time = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

type Scalar = string | number | boolean

/** Where a parameter goes: the URL's query (default), or the JSON body of a POST. */
type ParameterPlace = 'query' | 'body'

/** How an API shares out what it has. Paths are JSONPath (RFC 9535) into the answer. */
export type HttpPagination =
  /** Everything at once. */
  | { readonly type: 'none' }
  /** Pages by number, until one is empty or `totalPages` are read. Default parameter `page`, first page 1. */
  | {
      readonly type: 'page'
      readonly parameter?: string
      readonly first?: number
      readonly totalPages?: string
      readonly in?: ParameterPlace
    }
  /** By the number of records before, until a page is empty or `total` are read. Default parameter `offset`. */
  | { readonly type: 'offset'; readonly parameter?: string; readonly total?: string; readonly in?: ParameterPlace }
  /** By a text that each answer holds at `next` for the page behind it. Default parameter `cursor`. */
  | { readonly type: 'cursor'; readonly next: string; readonly parameter?: string; readonly in?: ParameterPlace }
  /** By the `Link` header. Default relation `next`. */
  | { readonly type: 'link-header'; readonly rel?: string }
  /** By a URL that each answer holds at `next`. */
  | { readonly type: 'next-url'; readonly next: string }

/** How requests show who asks. Give secrets as `${env:NAME}`. */
export type HttpAuth =
  | { readonly type: 'bearer'; readonly token: string }
  | { readonly type: 'basic'; readonly username: string; readonly password: string }
  | { readonly type: 'api-key'; readonly name: string; readonly value: string; readonly in?: 'header' | 'query' }
  | {
      readonly type: 'oauth2-client-credentials'
      readonly tokenUrl: string
      readonly clientId: string
      readonly clientSecret: string
      readonly scope?: string
      /** Further fields of the token request. */
      readonly parameters?: Readonly<Record<string, string>>
    }
  | {
      readonly type: 'oauth2-refresh-token'
      readonly tokenUrl: string
      readonly refreshToken: string
      readonly clientId?: string
      readonly clientSecret?: string
      readonly scope?: string
      readonly parameters?: Readonly<Record<string, string>>
    }

/** One kind of record of an API. */
export interface HttpResource {
  /** Behind the base URL; `{parent.id}` is the value of a parent. */
  readonly path: string
  /** Default GET. */
  readonly method?: 'GET' | 'POST'
  readonly query?: Readonly<Record<string, Scalar | readonly Scalar[]>>
  /** JSON of a POST. */
  readonly body?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  /** JSONPath to the records, such as `$.data[*]`. Default: the answer, or each item of an array. */
  readonly records?: string
  readonly pagination?: HttpPagination
  /** Statuses of answers without records, for instance 404 of a child that not every parent has. */
  readonly emptyStatuses?: readonly number[]
  /** Records of another kind; this one is asked for once for each of them. */
  readonly parent?: HttpParent
}

export interface HttpParent extends HttpResource {
  /** Columns of the children that come from the parent: `{ owner: 'owner.login' }`. */
  readonly include?: Readonly<Record<string, string>>
}

export interface HttpOptions extends HttpResource {
  readonly baseUrl: string
  readonly auth?: HttpAuth
  /** Asks only for what is new since the last committed read. */
  readonly incremental?: {
    /** Where a record has what tells new from old: `updated_at`, `meta.seq`. Text must sort as it comes. */
    readonly field: string
    readonly parameter: string
    readonly in?: ParameterPlace
    /** What the first read asks for. */
    readonly initial?: string | number
    /** How far behind the last value to ask again, for records that come late; wants a `uniqueKey`. */
    readonly lag?: Time | number
  }
  readonly rateLimit?: { readonly requests: number; readonly per: Time }
  /** For one attempt. Default `30s`. */
  readonly timeout?: Time
  /** How often a request is sent at most. Default 5. */
  readonly attempts?: number
  /** Bytes of one answer. Default 64 MiB. */
  readonly maxResponseSize?: number
  /** Default 100,000. */
  readonly maxPages?: number
}

/** Reads records of an HTTP API that answers in JSON. Read by the plugin `@phlo/source-http`. */
export function http(options: HttpOptions): SourceSpec {
  return { kind: 'http', options }
}

/** A server of PostgreSQL. */
interface PostgresServer {
  /** `postgres://user@host/database`, with `?sslmode=verify-full` for a server elsewhere. */
  readonly url: string
  /** In place of one in the URL: `${env:NAME}`. */
  readonly password?: string
}

interface PostgresTable extends PostgresServer {
  /** Default `public`. */
  readonly schema?: string
  readonly table: string
  /** Default: all of them. */
  readonly columns?: readonly string[]
  /** Connections that read at once. Default 4. */
  readonly parallel?: number
}

export type PostgresOptions =
  | (PostgresTable & {
      /** Reads only rows behind the last committed value of a column. */
      readonly incremental?: {
        readonly column: string
        /** What the first read begins behind. */
        readonly initial?: string | number
        /** How far behind the last value to read again: `1 hour`, or a number; wants a `uniqueKey`. */
        readonly lag?: string | number
      }
    })
  | (PostgresServer & {
      readonly query: string
      /** Values of `$1`, `$2` and so on. */
      readonly parameters?: readonly (string | number | boolean | null)[]
    })

/** Reads a table or a query of PostgreSQL, in one snapshot. Read by the plugin `@phlo/source-postgres`. */
export function postgres(options: PostgresOptions): SourceSpec {
  return { kind: 'postgres', options }
}

export interface PostgresChangesOptions extends PostgresTable {
  /** The replication slot, for one asset of one lake alone; made by the first run. */
  readonly slot: string
  /** Default: one of the slot's name, made for the table. */
  readonly publication?: string
  /** Changes of one run, up to the end of a transaction. */
  readonly maxChanges?: number
}

/**
 * Reads a table of PostgreSQL and from then on its changes, by logical replication. Rows have `_op` (`insert`, `update`,
 * `delete`), `_lsn`, `_seq` and `_committed_at` beside the table's columns. Read by the plugin `@phlo/source-postgres`.
 */
export function postgresChanges(options: PostgresChangesOptions): SourceSpec {
  return { kind: 'postgres-changes', options }
}

/** Reads from a source that a plugin brings. */
export function source(kind: string, options: unknown): SourceSpec {
  return { kind, options }
}
