import type { TableIdentifier } from '@phlo/ports'

export const tableIn =
  (namespace: string) =>
  (name: string): TableIdentifier => ({ namespace: [namespace], name })
