import { definePlugin, ObjectStorePort, pluginApiVersion, provide } from '@phlo/ports'
import { MinioObjectStore } from './minio-object-store.js'
import { MinioStorageOptions } from './options.js'

export { MinioObjectStore } from './minio-object-store.js'
export { MinioStorageOptions } from './options.js'

export default definePlugin<MinioStorageOptions>({
  apiVersion: pluginApiVersion,
  name: '@phlo/storage-minio',
  provides: [ObjectStorePort],
  options: MinioStorageOptions,
  setup({ options, project }) {
    const store = new MinioObjectStore(options, project.dir)
    return [provide(ObjectStorePort, store, () => store.close())]
  },
})
