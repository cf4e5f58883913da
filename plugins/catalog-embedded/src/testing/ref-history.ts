/** What a client asked of one ref, and what it was told. Times are of one clock for all clients. */
export interface Operation {
  /** The move that it makes bears this name in the ref's log. */
  readonly id: string
  readonly ref: string
  readonly invoked: number
  /** Absent for a client that was killed before it knew. */
  readonly answered?: number
  readonly answer?:
    | { readonly kind: 'moved'; readonly commit: string | undefined }
    /** There was nothing to do, or only to look: the ref stood at this commit (`undefined`: was not there). */
    | { readonly kind: 'saw'; readonly commit: string | undefined }
    /** Refused because the ref was there, or was not. */
    | { readonly kind: 'refused'; readonly because: 'there' | 'absent' }
    /** Certainly nothing happened, for another reason. */
    | { readonly kind: 'failed' }
}

/** One entry of the ref's log. */
export interface Move {
  readonly id: string
  readonly from: string | undefined
  readonly to: string | undefined
}

/**
 * What is wrong with a history of one ref, if it is taken for one register that each operation reads or moves at one
 * moment between its call and its answer. The ref's log, oldest first, says in which order the moves took effect; so
 * instead of a search for an order, which takes exponential time, this checks that the log is one: every move starts where the one before ended, every
 * acknowledged move is in it once, none comes after one that was asked for only when it had been answered, and everything that was seen was there at
 * some moment of the look. Source: Herlihy and Wing, Linearizability (1990).
 */
export function violations(moves: readonly Move[], operations: readonly Operation[]): string[] {
  const found: string[] = []
  const byId = new Map(operations.map((operation) => [operation.id, operation]))
  const times = moves.map(({ id }) => {
    const { invoked = -Infinity, answered = Infinity } = byId.get(id) ?? {}
    return { invoked, answered }
  })
  checkChain(moves, found)
  checkAnswers(moves, operations, found)
  let latestCall = -Infinity
  for (const [place, { invoked, answered }] of times.entries()) {
    if (answered < latestCall) found.push(`${moves[place]?.id} was answered before a move ahead of it was asked for`)
    latestCall = Math.max(latestCall, invoked)
  }
  // When state `place` was over at the latest: the first answer to any later move.
  const over: number[] = []
  let first = Infinity
  for (let place = moves.length; place >= 0; place--) {
    over[place] = first
    first = Math.min(first, times[place - 1]?.answered ?? Infinity)
  }
  const states = [moves[0]?.from, ...moves.map(({ to }) => to)]
  const looks: { readonly at: number; readonly ended: number; readonly place: number }[] = []
  for (const { id, invoked, answered = Infinity, answer } of operations) {
    const wanted = lookedFor(answer)
    if (!wanted) continue
    let latest = -1
    for (const [place, state] of states.entries()) {
      const begun = times[place - 1]?.invoked ?? -Infinity
      if (wanted(state) && begun <= answered && (over[place] as number) >= invoked) latest = place
    }
    if (latest < 0) found.push(`${id} saw what was not there`)
    else if (answer?.kind === 'saw') looks.push({ at: invoked, ended: answered, place: latest })
  }
  checkLooks(looks, found)
  return found
}

function checkChain(moves: readonly Move[], found: string[]): void {
  for (const [place, { id, from }] of moves.entries()) {
    const before = moves[place - 1]
    if (before && before.to !== from) found.push(`${id} does not start where ${before.id} ended`)
  }
}

function checkAnswers(moves: readonly Move[], operations: readonly Operation[], found: string[]): void {
  const ends = new Map<string, (string | undefined)[]>()
  for (const { id, to } of moves) ends.set(id, [...(ends.get(id) ?? []), to])
  for (const { id, answer } of operations) {
    const made = ends.get(id) ?? []
    if (made.length > 1) found.push(`${id} was made ${made.length} times`)
    if (answer?.kind === 'moved') {
      if (made.length === 0) found.push(`${id} was acknowledged and is lost`)
      else if (made[0] !== answer.commit) found.push(`${id} led elsewhere than it was told`)
    } else if (answer && made.length > 0) found.push(`${id} was made although it was not acknowledged as a move`)
  }
}

function lookedFor(answer: Operation['answer']): ((state: string | undefined) => boolean) | undefined {
  if (answer?.kind === 'saw') return (state) => state === answer.commit
  if (answer?.kind === 'refused') return (state) => (state !== undefined) === (answer.because === 'there')
  return undefined
}

/** A look that begins after another ended sees nothing older. */
function checkLooks(
  looks: readonly { readonly at: number; readonly ended: number; readonly place: number }[],
  found: string[],
): void {
  for (const earlier of looks)
    for (const later of looks)
      if (earlier.ended < later.at && later.place < earlier.place) found.push('a later look saw an older state')
}
