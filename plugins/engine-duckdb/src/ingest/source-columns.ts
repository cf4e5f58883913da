import { PhloError, type RowSchema } from '@phlo/ports'

/**
 * Holds a source's column names against the schema. Throws PHLO_SCHEMA_COLUMN_MISSING and, when unexpected columns are
 * frozen, PHLO_SCHEMA_COLUMN_UNEXPECTED.
 */
export function checkColumns(
  schema: RowSchema,
  found: readonly string[],
  source: string,
  unexpected: 'freeze' | 'discard_value',
): void {
  const names = new Set(found)
  const missing = schema.columns.filter(({ name, optional }) => !names.has(name) && !optional).map(({ name }) => name)
  const declared = new Set(schema.columns.map(({ name }) => name))
  const extra = found.filter((name) => !declared.has(name))
  if (missing.length > 0) throw missingColumns(missing, extra, source)
  if (unexpected === 'freeze' && extra.length > 0) throw unexpectedColumns(extra, source)
}

export function missingColumns(missing: readonly string[], others: readonly string[], source: string): PhloError {
  return new PhloError(
    'PHLO_SCHEMA_COLUMN_MISSING',
    `${source} lacks ${columnList(missing)}, which the schema declares`,
    {
      hint:
        others.length > 0
          ? `It has ${columnList(others)} instead. Rename the column in the schema, or make it .optional().`
          : 'Make the column .optional() if files may lack it.',
      context: { source, columns: missing },
    },
  )
}

export function unexpectedColumns(extra: readonly string[], source: string): PhloError {
  return new PhloError(
    'PHLO_SCHEMA_COLUMN_UNEXPECTED',
    `${source} has ${columnList(extra)}, which the schema does not declare`,
    {
      hint: 'Declare the column so that it is kept, or use z.looseObject({ … }) to leave undeclared columns out.',
      context: { source, columns: extra },
    },
  )
}

function columnList(names: readonly string[]): string {
  const shown = names.slice(0, 10).map((name) => JSON.stringify(name))
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : ''
  return `${names.length === 1 ? 'the column' : 'the columns'} ${shown.join(', ')}${more}`
}
