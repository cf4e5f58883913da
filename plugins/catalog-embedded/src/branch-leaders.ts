import type { Rendezvous, RendezvousPeer, RendezvousService } from '@phlo/ports'

/** The version of what leaders are told and say; those of another one are not found. */
const protocol = 1

/** Which process makes the commits of all to a branch; it is one per branch, or none, or for a while two. */
export class BranchLeaders {
  private readonly rendezvous: Rendezvous | undefined
  /** The branches that this process leads. */
  private readonly own = new Map<string, RendezvousService>()

  constructor(rendezvous: Rendezvous | undefined) {
    this.rendezvous = rendezvous
  }

  /** Whether this process leads the branch, and everybody sees it. */
  leads(branch: string): boolean {
    const service = this.own.get(branch)
    if (!service) return false
    if (service.isFound()) return true
    service.close()
    this.own.delete(branch)
    return false
  }

  /** Whoever else leads the branch. */
  async leader(branch: string): Promise<RendezvousPeer | undefined> {
    return this.leads(branch) ? undefined : this.rendezvous?.find(topicOf(branch))
  }

  /** Makes this process lead the branch, if processes can find each other at all. */
  async lead(branch: string, answer: (question: unknown) => Promise<unknown>): Promise<boolean> {
    const service = await this.rendezvous?.serve(topicOf(branch), answer)
    if (!service) return false
    this.own.get(branch)?.close()
    this.own.set(branch, service)
    return true
  }

  close(): void {
    for (const service of this.own.values()) service.close()
    this.own.clear()
  }
}

function topicOf(branch: string): string {
  return `commits-${protocol}/${branch}`
}
