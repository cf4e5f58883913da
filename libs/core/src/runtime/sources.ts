import type { Source } from '@phlo/ports'
import type { Environment } from './environment.js'

/** The source with `${env:NAME}` in the texts of its options replaced, so that workflows need hold no secret. */
export function withEnvironment(source: Source, environment: Environment): Source {
  return {
    kind: source.kind,
    read: async (options, context) => source.read(environment.interpolate(options), context),
    version: async (options, context) => source.version(environment.interpolate(options), context),
  }
}
