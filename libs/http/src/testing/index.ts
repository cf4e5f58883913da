export { type Script, type ScriptedAnswer, ScriptedServer, type SeenRequest } from './scripted-server.js'
