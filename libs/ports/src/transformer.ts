import { definePort } from './port.js'
import type { SourceLocation } from './errors.js'
import type { TableIdentifier } from './table-identifier.js'

/** A check that a transform project declares on a model, in the words of a check kind. */
export interface DeclaredTest {
  /** The check kind. */
  readonly kind: string
  readonly options: unknown
  /** The name under which results are reported, for instance `dbt__not_null__mart_routes`. */
  readonly name: string
  readonly severity: 'warn' | 'error'
  readonly location: SourceLocation
}

/** One SQL model: a table made of others by a SELECT. */
export interface TransformModel {
  readonly target: TableIdentifier
  /** The model's own name, by which others `ref()` it. */
  readonly name: string
  /** Tables that the SQL reads. */
  readonly inputs: readonly TableIdentifier[]
  readonly description?: string
  readonly columnDocs: Readonly<Record<string, string>>
  readonly partitionBy: readonly string[]
  readonly tags: readonly string[]
  readonly tests: readonly DeclaredTest[]
  /** The compiled SELECT. */
  readonly sql: string
  readonly location: SourceLocation
  /**
   * Where a place of {@link sql} stands in the user's own text, before it was rendered, so that an engine's error can
   * be shown there. What a template expression made stands where the expression does.
   */
  readonly locate?: (place: SqlPlace) => SourceLocation
}

/** A place in a statement; line and column are counted from 1. */
export interface SqlPlace {
  readonly line: number
  readonly column: number
}

/**
 * Reads a project of transforms. Throws PHLO_TEMPLATE_INVALID with file, line and column, PHLO_CONFIG_INVALID,
 * PHLO_ASSET_UNKNOWN for a `ref` to nothing.
 */
export interface Transformer {
  models(): Promise<readonly TransformModel[]>
}

export const TransformerPort = definePort<Transformer>('Transformer')
