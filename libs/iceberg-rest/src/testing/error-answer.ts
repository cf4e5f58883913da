import type { ScriptedAnswer } from '@phlo/http/testing'

/** An error as Iceberg REST catalogs send it. */
export function errorAnswer(status: number, type: string, message = type): ScriptedAnswer {
  return { status, json: { error: { message, type, code: status } } }
}
