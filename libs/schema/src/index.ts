export { field, type FieldOptions } from './field.js'
export { type ColumnPredicate, columnPredicates } from './predicates.js'
export { rowSchemaFromZod, type RowSchemaFromZod } from './row-schema-from-zod.js'
