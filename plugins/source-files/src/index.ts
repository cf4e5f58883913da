import { definePlugin, pluginApiVersion, provide, SourcePort } from '@phlo/ports'
import { FilesSource } from './files-source.js'

export { FilesSource } from './files-source.js'
export { FilesOptions } from './options.js'

export default definePlugin({
  apiVersion: pluginApiVersion,
  name: '@phlo/source-files',
  provides: [SourcePort],
  setup: () => [provide(SourcePort, new FilesSource())],
})
