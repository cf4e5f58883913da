export { field, type FieldOptions } from './field.js'
export { type ColumnPredicate, columnPredicates } from './predicates.js'
export { re2Pattern } from './re2-pattern.js'
export { rowSchemaFromZod, type RowSchemaFromZod } from './row-schema-from-zod.js'
