import { z } from 'zod'
import { durationPattern } from '../duration.js'

/** A plugin in a place of a profile: `{ use: minio, with: { bucket: lake } }`. */
export const PluginUse = z.strictObject({
  /** A short name (`local`), an npm package's name, or a path from the project's folder. */
  use: z.string().min(1),
  /** The plugin's own options. */
  with: z.record(z.string(), z.unknown()).optional(),
})
export type PluginUse = z.infer<typeof PluginUse>

/** The places of a profile, each taken by one plugin. */
export const profilePlaces = ['storage', 'catalog', 'engine', 'state'] as const
export type ProfilePlace = (typeof profilePlaces)[number]

const Profile = z.strictObject({
  storage: PluginUse.optional(),
  catalog: PluginUse.optional(),
  engine: PluginUse.optional(),
  state: PluginUse.optional(),
})
export type Profile = z.infer<typeof Profile>

const Duration = z.string().regex(durationPattern, 'must be a duration such as 7d, 12h or 30m')

export const ProjectConfig = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/, 'must be letters, digits, "_" and "-"'),
  /** The profile to use where no other is chosen. */
  profile: z.string().default('local'),
  profiles: z.record(z.string(), Profile).default({}),
  /** Folder of the TypeScript files that declare assets. */
  workflows: z.string().default('workflows'),
  transforms: PluginUse.optional(),
  audit: z
    .strictObject({
      branch: z.string().includes('{run_id}', { error: 'must contain {run_id}' }).default('pipeline-run-{run_id}'),
      keepFailed: Duration.default('7d'),
    })
    .prefault({}),
  /** What `phlo gc` leaves of the lake's past, and how long `phlo retention` keeps rows. */
  retention: z
    .strictObject({
      /** How long the past states of branches stay readable. */
      history: Duration.default('30d'),
      /** Other spans for branches by the pattern of their names. */
      branches: z.record(z.string(), Duration).default({}),
      /** Files younger than this may belong to a commit that is still being made. */
      safetyAge: Duration.default('3d'),
      /** How long rows stay, by the namespace of their table. */
      layers: z
        .record(z.string(), z.union([Duration, z.literal('forever')]))
        .prefault({})
        .transform((layers) => ({ bronze: '90d', silver: '730d', gold: '2555d', ...layers })),
    })
    .prefault({}),
  /** Further plugins. */
  plugins: z.array(PluginUse).default([]),
})
export type ProjectConfig = z.infer<typeof ProjectConfig>

/** What stands where phlo.yaml says nothing: it needs nothing but Node. */
export const defaultPlugins: Readonly<Record<ProfilePlace, string>> = {
  storage: 'local',
  catalog: 'embedded',
  engine: 'duckdb',
  state: 'sqlite',
}

/** Plugins that every project has. */
export const standardPlugins = ['@phlo/quality', '@phlo/source-files', '@phlo/source-http', '@phlo/source-postgres']
