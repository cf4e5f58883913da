import { definePlugin, pluginApiVersion, provide, SourcePort } from '@phlo/ports'
import { HttpSource } from './http-source.js'
import { PluginOptions } from './options.js'

export { HttpSource } from './http-source.js'
export { HttpOptions } from './options.js'

export default definePlugin({
  apiVersion: pluginApiVersion,
  name: '@phlo/source-http',
  provides: [SourcePort],
  options: PluginOptions,
  setup: ({ options }) => [provide(SourcePort, new HttpSource(options))],
})
