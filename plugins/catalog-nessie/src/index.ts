import { CatalogPort, definePlugin, ObjectStorePort, pluginApiVersion, provide } from '@phlo/ports'
import { NessieCatalog } from './nessie-catalog.js'
import { NessieCatalogOptions } from './options.js'

export { NessieCatalog } from './nessie-catalog.js'
export { NessieCatalogOptions } from './options.js'

export default definePlugin<NessieCatalogOptions>({
  apiVersion: pluginApiVersion,
  name: '@phlo/catalog-nessie',
  provides: [CatalogPort],
  requires: [ObjectStorePort],
  options: NessieCatalogOptions,
  async setup({ get, options }) {
    const catalog = await NessieCatalog.open(options, get(ObjectStorePort))
    return [provide(CatalogPort, catalog, () => catalog.close())]
  },
})
