import { CatalogPort, definePlugin, ObjectStorePort, pluginApiVersion, provide } from '@phlo/ports'
import { RestCatalogOptions } from './options.js'
import { RestCatalog } from './rest-catalog.js'

export { RestCatalogOptions } from './options.js'
export { RestCatalog } from './rest-catalog.js'

export default definePlugin<RestCatalogOptions>({
  apiVersion: pluginApiVersion,
  name: '@phlo/catalog-rest',
  provides: [CatalogPort],
  requires: [ObjectStorePort],
  options: RestCatalogOptions,
  async setup({ get, options }) {
    const catalog = await RestCatalog.open(options, get(ObjectStorePort))
    return [provide(CatalogPort, catalog, () => catalog.close())]
  },
})
