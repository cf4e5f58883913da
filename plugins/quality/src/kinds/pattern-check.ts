import type { CheckKind } from '@phlo/ports'
import { z } from 'zod'
import { standardSchema } from './common.js'

const Options = z.strictObject({ column: z.string(), pattern: z.string().min(1) })
type Options = z.infer<typeof Options>

/** Text in which a regular expression (RE2 syntax) is found. NULL is no text. */
export const patternCheck: CheckKind<Options> = {
  kind: 'pattern',
  options: standardSchema(Options),
  columns: ({ column }) => [column],
  describe: ({ column, pattern }) => `${column} matches /${pattern}/`,
  compile: ({ column, pattern }, { dialect }) => ({
    type: 'rows',
    failing: `NOT ${dialect.matches(dialect.identifier(column), pattern)}`,
    columns: [column],
  }),
}
