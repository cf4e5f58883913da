import { createHash } from 'node:crypto'
import type { ColumnRule, ColumnSchema, RowRule, RowSchema, RuleValue } from '@phlo/ports'
import { describeColumnRule } from './predicates.js'
import { describeRowRule } from './row-rules.js'

/** What a table promises, as plain JSON: for other programs, for a file beside the code, for comparing two versions. */
export interface DataContract {
  readonly table: string
  readonly description?: string
  /** Columns that together tell rows apart. */
  readonly key?: readonly string[]
  readonly columns: readonly ContractColumn[]
  readonly rules: readonly ContractRule[]
  /** SHA-256 of everything else, in hexadecimal: two contracts are the same when this is. */
  readonly hash: string
}

export interface ContractColumn {
  readonly name: string
  readonly type: ColumnSchema['type']
  readonly nullable: boolean
  readonly unique: boolean
  readonly description?: string
  readonly classification?: string
  readonly rules: readonly ContractRule[]
}

export interface ContractRule {
  readonly rule: string
  /** In words. */
  readonly meaning: string
  /** The rule's own parameters; big integers as text. */
  readonly options: Readonly<Record<string, unknown>>
}

export interface ContractOptions {
  readonly table: string
  readonly description?: string
  readonly key?: readonly string[]
}

/** The contract of a table with these rows. */
export function dataContract(rows: RowSchema, { table, description, key = [] }: ContractOptions): DataContract {
  const terms = {
    table,
    ...(description !== undefined && { description }),
    ...(key.length > 0 && { key }),
    columns: rows.columns.map(contractColumn),
    rules: (rows.rules ?? []).map((rule) => ({
      rule: rule.name,
      meaning: describeRowRule(rule),
      options: optionsOf(rule),
    })),
  }
  return { ...terms, hash: createHash('sha256').update(JSON.stringify(terms)).digest('hex') }
}

function contractColumn(column: ColumnSchema): ContractColumn {
  return {
    name: column.name,
    type: column.type,
    nullable: !column.required,
    unique: column.unique,
    ...(column.doc !== undefined && { description: column.doc }),
    ...(column.classification !== undefined && { classification: column.classification }),
    rules: column.rules.map((rule) => ({
      rule: rule.kind,
      meaning: describeColumnRule(rule),
      options: optionsOf(rule),
    })),
  }
}

function optionsOf(rule: ColumnRule | RowRule): Readonly<Record<string, unknown>> {
  const options = Object.entries(rule).filter(([name]) => name !== 'name' && (name !== 'kind' || 'name' in rule))
  return Object.fromEntries(options.map(([name, value]) => [name, plain(value as RuleValue | readonly RuleValue[])]))
}

function plain(value: RuleValue | readonly RuleValue[]): unknown {
  if (Array.isArray(value)) return value.map(plain)
  return typeof value === 'bigint' ? String(value) : value
}
