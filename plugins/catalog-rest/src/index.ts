import { TableBranches } from '@phlo/catalog'
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
    const store = get(ObjectStorePort)
    const catalog = new TableBranches(await RestCatalog.open(options, store), store)
    return [provide(CatalogPort, catalog, () => catalog.close())]
  },
})
