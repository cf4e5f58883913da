export { tableText } from './example-table.js'
export { errorAnswer, type ScriptedAnswer, ScriptedServer, type SeenRequest } from './scripted-server.js'
