import path from 'node:path'
import { definePlugin, pluginApiVersion, provide, StateStorePort } from '@phlo/ports'
import { SqliteStateOptions } from './options.js'
import { SqliteStateStore } from './sqlite-state-store.js'

export { SqliteStateOptions } from './options.js'
export { SqliteStateStore } from './sqlite-state-store.js'

export default definePlugin<SqliteStateOptions>({
  apiVersion: pluginApiVersion,
  name: '@phlo/state-sqlite',
  provides: [StateStorePort],
  options: SqliteStateOptions,
  setup({ options, project }) {
    const file =
      options.path === undefined ? path.join(project.stateDir, 'state.db') : path.resolve(project.dir, options.path)
    const store = new SqliteStateStore(file)
    return [provide(StateStorePort, store, () => store.close())]
  },
})
