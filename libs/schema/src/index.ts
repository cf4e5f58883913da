export {
  type ContractOptions,
  type ContractRule,
  type ContractColumn,
  type DataContract,
  dataContract,
} from './contract.js'
export { field, type FieldFormat, type FieldLimit, type FieldOptions, type FieldValue } from './field.js'
export { type JsonSchema, jsonSchema } from './json-schema.js'
export { type ColumnPredicate, columnPredicates, rowPredicates } from './predicates.js'
export { type DeclaredRowRule, rowRules } from './row-rules.js'
export { re2Pattern } from './re2-pattern.js'
export { rowSchemaFromZod, type RowSchemaFromZod } from './row-schema-from-zod.js'
export { rowType } from './row-type.js'
export { schemaDocs } from './schema-docs.js'
export { type DbtModelSchema, dbtModelSchema } from './dbt-model.js'
export { anyLong, rowsOfFields } from './rows-of-fields.js'
export { type Reference, zodSource, type ZodSourceOptions } from './zod-source.js'
