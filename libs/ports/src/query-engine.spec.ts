import { describe, expect, it } from '@jest/globals'
import { PhloError, relocateStatementError, statementFile } from './index.js'

describe('an error in a statement', () => {
  const locate = ({ line, column }: { line: number; column: number }) => ({ file: '/x.sql', line: line + 10, column })

  it('is moved to where the statement came from, and keeps all else', () => {
    const cause = new TypeError('cause')
    const error = new PhloError('PHLO_SQL_INVALID', 'no such column', {
      hint: 'h',
      retryable: true,
      context: { a: 1 },
      location: { file: statementFile, line: 2, column: 5 },
      cause,
    })
    expect(relocateStatementError(error, locate)).toMatchObject({
      name: 'PhloError',
      code: 'PHLO_SQL_INVALID',
      message: 'no such column',
      hint: 'h',
      retryable: true,
      context: { a: 1 },
      location: { file: '/x.sql', line: 12, column: 5 },
      cause,
    })
  })

  it('stays as it is when it has no place, stands elsewhere, or is none of ours', () => {
    for (const error of [
      new PhloError('PHLO_SQL_INVALID', 'x'),
      new PhloError('PHLO_SQL_INVALID', 'x', { location: { file: statementFile } }),
      new PhloError('PHLO_CONFIG_INVALID', 'x', { location: { file: '/phlo.yaml', line: 1 } }),
      new TypeError('x'),
      undefined,
    ])
      expect(relocateStatementError(error, locate)).toBe(error)
  })
})
