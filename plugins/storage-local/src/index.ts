import path from 'node:path'
import { definePlugin, ObjectStorePort, pluginApiVersion, provide } from '@phlo/ports'
import { LocalObjectStore } from './local-object-store.js'
import { LocalStorageOptions } from './options.js'

export { LocalObjectStore } from './local-object-store.js'
export { LocalStorageOptions } from './options.js'

export default definePlugin<LocalStorageOptions>({
  apiVersion: pluginApiVersion,
  name: '@phlo/storage-local',
  provides: [ObjectStorePort],
  options: LocalStorageOptions,
  async setup({ options, project }) {
    const store = await LocalObjectStore.open(path.resolve(project.dir, options.path))
    return [provide(ObjectStorePort, store, () => store.close())]
  },
})
