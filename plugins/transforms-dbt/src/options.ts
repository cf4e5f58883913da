import { z } from 'zod'

export const DbtOptions = z.strictObject({
  /** Folder of the dbt project; relative paths start at the project's folder. */
  project: z.string().min(1).default('workflows/transforms/dbt'),
})
export type DbtOptions = z.infer<typeof DbtOptions>
