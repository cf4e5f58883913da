import type { CheckCase } from '@phlo/ports/testing'

/** Cases of one kind of check, and options that it must refuse. */
export interface Suite {
  readonly cases: readonly CheckCase[]
  readonly invalid: readonly unknown[]
}

export const values = (list: string, columns = 'v') => `SELECT * FROM (VALUES ${list}) t(${columns})`
export const none = (type: string) => `SELECT CAST(NULL AS ${type}) AS v WHERE FALSE`
