export { type ScriptedAnswer, ScriptedServer, type SeenRequest } from '@phlo/http/testing'
export { errorAnswer } from './error-answer.js'
export { tableText } from './example-table.js'
