import { isPhloError, type LakeState, type RefInfo } from '@phlo/ports'
import { type LakeRetention, historyOf } from './lake-retention.js'
import type { Lake } from './lake.js'
import { ReachableFiles } from './reachable-files.js'

/** The files that a lake's refs lead to, kept up with refs that move. */
export class ReachableLake {
  readonly files: ReachableFiles
  /** Keys of the folders that the tables met write to. */
  readonly folders = new Set<string>()
  private readonly lake: Lake
  private readonly retention: LakeRetention
  private readonly now: number
  /** The commits at which the refs were looked at. */
  private readonly seen = new Map<string, string>()
  /** The commits whose present states were followed. */
  private readonly followed = new Set<string>()

  constructor(lake: Lake, retention: LakeRetention, now: number) {
    this.lake = lake
    this.retention = retention
    this.now = now
    this.files = new ReachableFiles(lake.store)
  }

  /**
   * Follows every ref that is new or has moved since the last call. A ref may be merged into another and deleted while
   * they are listed, so that neither seems to hold its files: they are listed until nothing has changed.
   *
   * Throws PHLO_OBJECT_NOT_FOUND where a present state has lost a file.
   */
  async update(): Promise<void> {
    for (;;) {
      const refs = await this.lake.catalog.listRefs()
      const moved = refs.filter(({ name, commit }) => this.seen.get(name) !== commit)
      if (moved.length === 0) return
      // Present states first: the files of one must all be there, those of the past may have gone.
      for (const ref of moved) await this.followPresent(ref)
      for (const ref of moved) {
        const since = new Date(this.now - historyOf(this.retention, ref.name))
        if (ref.type === 'branch') await this.followPast(ref, since)
        this.seen.set(ref.name, ref.commit)
      }
    }
  }

  /** Branches and tags at one commit have one present state. */
  private async followPresent(ref: RefInfo): Promise<void> {
    if (this.followed.has(ref.commit)) return
    await this.follow(ref, this.lake.catalog.states(ref.commit))
    this.followed.add(ref.commit)
  }

  /** By the branch's name, since its reflog leads to commits that it was moved away from. */
  private async followPast(ref: RefInfo, since: Date): Promise<void> {
    try {
      await this.follow(ref, this.lake.catalog.states(ref.name, { since }))
    } catch (error) {
      // Deleted since it was listed, which the next listing tells.
      if (!isPhloError(error, 'PHLO_REF_NOT_FOUND')) throw error
    }
  }

  private async follow({ name }: RefInfo, states: AsyncIterable<LakeState>): Promise<void> {
    for await (const state of states) {
      for (const uri of await this.files.addState(name, state)) {
        const folder = this.lake.store.key(uri)
        if (folder !== undefined) this.folders.add(folder)
      }
    }
  }
}
