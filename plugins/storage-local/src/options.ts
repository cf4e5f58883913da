import { z } from 'zod'

export const LocalStorageOptions = z.strictObject({
  /** Folder that holds the lake; relative paths start at the project's folder. */
  path: z.string().min(1).default('.phlo/lake'),
})
export type LocalStorageOptions = z.infer<typeof LocalStorageOptions>
