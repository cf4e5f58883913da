import type { ColumnRule, NestedField, RowSchema } from '@phlo/ports'

/** What a table's own columns say of its rows. */
export function rowsOfFields(fields: readonly NestedField[]): RowSchema {
  return {
    columns: fields.map(({ name, type, required, doc }) => ({
      name,
      type,
      required,
      optional: false,
      rules: [],
      unique: false,
      ...(doc !== undefined && { doc }),
    })),
  }
}

/** The rule of columns whose integers are more than those that JavaScript's numbers hold: all 64 bits. */
export const anyLong: ColumnRule = { kind: 'min', value: -(2n ** 63n), exclusive: false }
