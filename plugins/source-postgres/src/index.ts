import { definePlugin, pluginApiVersion, provide, SourcePort } from '@phlo/ports'
import { ChangesSource } from './changes-source.js'
import { PostgresSource } from './postgres-source.js'

export { ChangesSource } from './changes-source.js'
export { PostgresSource } from './postgres-source.js'

export default definePlugin({
  apiVersion: pluginApiVersion,
  name: '@phlo/source-postgres',
  provides: [SourcePort],
  setup: () => [provide(SourcePort, new PostgresSource()), provide(SourcePort, new ChangesSource())],
})
