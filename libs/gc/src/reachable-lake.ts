import { isPhloError, type LakeState, type RefInfo, type ToldCommits } from '@phlo/ports'
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
  /** Deleted branches and tags whose past was followed. */
  private readonly gone = new Set<string>()
  private readonly told: ToldCommits = new Map()

  constructor(lake: Lake, retention: LakeRetention, now: number) {
    this.lake = lake
    this.retention = retention
    this.now = now
    this.files = new ReachableFiles(lake.store)
  }

  /**
   * Follows every ref that is new or has moved since the last call. A ref may be merged into another and deleted while
   * they are listed, so that neither seems to hold its files: they are listed until nothing has changed. What is deleted
   * stays for as long as the history of a branch of that name.
   *
   * Throws PHLO_OBJECT_NOT_FOUND where a present state has lost a file.
   */
  async update(): Promise<void> {
    for (;;) {
      const refs = await this.lake.catalog.listRefs()
      const moved = refs.filter(({ name, commit }) => this.seen.get(name) !== commit)
      const gone = (await this.lake.catalog.deletedRefs()).filter((name) => !this.gone.has(name))
      if (moved.length + gone.length === 0) return
      // Present states first: the files of one must all be there, those of the past may have gone.
      for (const ref of moved) await this.followPresent(ref)
      const branches = moved.filter(({ type }) => type === 'branch').map(({ name }) => name)
      // The longest history first: what others have in common with it is told with it.
      const since = (name: string) => this.now - historyOf(this.retention, name)
      for (const name of [...branches, ...gone].sort((a, b) => since(a) - since(b)))
        await this.followPast(name, new Date(since(name)))
      for (const { name, commit } of moved) this.seen.set(name, commit)
      for (const name of gone) this.gone.add(name)
    }
  }

  /** Branches and tags at one commit have one present state. */
  private async followPresent(ref: RefInfo): Promise<void> {
    if (this.followed.has(ref.commit)) return
    await this.follow(ref.name, this.lake.catalog.states(ref.commit))
    this.followed.add(ref.commit)
  }

  /** By the branch's name, since its reflog leads to commits that it was moved away from. */
  private async followPast(name: string, since: Date): Promise<void> {
    try {
      await this.follow(name, this.lake.catalog.states(name, { since, told: this.told }))
    } catch (error) {
      // Deleted since it was listed, which the next listing tells.
      if (!isPhloError(error, 'PHLO_REF_NOT_FOUND')) throw error
    }
  }

  private async follow(name: string, states: AsyncIterable<LakeState>): Promise<void> {
    for await (const state of states) {
      for (const uri of await this.files.addState(name, state)) {
        const folder = this.lake.store.key(uri)
        if (folder !== undefined) this.folders.add(folder)
      }
    }
  }
}
