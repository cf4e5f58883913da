import { CatalogPort, definePlugin, ObjectStorePort, pluginApiVersion, provide } from '@phlo/ports'
import { EmbeddedCatalog } from './embedded-catalog.js'

export { EmbeddedCatalog } from './embedded-catalog.js'

export default definePlugin({
  apiVersion: pluginApiVersion,
  name: '@phlo/catalog-embedded',
  provides: [CatalogPort],
  requires: [ObjectStorePort],
  async setup({ get }) {
    const catalog = await EmbeddedCatalog.open(get(ObjectStorePort))
    return [provide(CatalogPort, catalog, () => catalog.close())]
  },
})
