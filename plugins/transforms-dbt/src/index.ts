import path from 'node:path'
import { definePlugin, pluginApiVersion, provide, QueryEnginePort, TransformerPort } from '@phlo/ports'
import { DbtTransformer } from './dbt-transformer.js'
import { DbtOptions } from './options.js'

export { DbtTransformer } from './dbt-transformer.js'
export { DbtOptions } from './options.js'
export { dbtTestName, dbtTestSeverity } from './tests.js'

export default definePlugin<DbtOptions>({
  apiVersion: pluginApiVersion,
  name: '@phlo/transforms-dbt',
  provides: [TransformerPort],
  requires: [QueryEnginePort],
  options: DbtOptions,
  setup({ options, project, get }) {
    const { dialect } = get(QueryEnginePort)
    return [provide(TransformerPort, new DbtTransformer(path.resolve(project.dir, options.project), dialect))]
  },
})
