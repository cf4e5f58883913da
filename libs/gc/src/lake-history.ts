import type { LakeState, ToldCommits } from '@phlo/ports'
import type { Lake } from './lake.js'

/** A state in a ref's whole history. */
export interface HistoricState {
  readonly ref: string
  readonly state: LakeState
}

/** Every state in the refs' whole history; what refs have in common is told of the first of them. */
export async function* lakeHistory({ catalog }: Lake): AsyncGenerator<HistoricState> {
  const told: ToldCommits = new Map()
  for (const { name: ref, commit } of await catalog.listRefs())
    for await (const state of catalog.states(commit, { since: new Date(0), told })) yield { ref, state }
}

/** Keys of the tables' folders in the history. */
export async function historicFolders(lake: Lake): Promise<Set<string>> {
  const folders = new Set<string>()
  for await (const { state } of lakeHistory(lake)) addFolder(folders, lake, state)
  return folders
}

/** Adds the folder in which the state's metadata file lies as tables have them. */
export function addFolder(folders: Set<string>, { store }: Lake, { metadataLocation }: LakeState): void {
  const folder = /^(.+)\/metadata\/[^/]+$/.exec(store.key(metadataLocation) ?? '')?.[1]
  if (folder !== undefined) folders.add(folder)
}
