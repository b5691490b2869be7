// Opening an epoch over an older one: what a replica promises, what it then still accepts, and what
// the new leader concludes from the answers of the old copyset (the seal). A promise is durable
// before it is told; after it the replica takes nothing from older epochs, so an old leader that
// was merely asleep can never again gather a write quorum. All of it pure values: the replica's
// driver keeps PromiseState on disk, the leader's driver sends and collects.
//
//   replica: promised(p) ──promise(e > p)──▶ promised(e); append(e < p) is refused as fenced
//   leader:  collecting ──R answers──▶ sealed(start) ──W hold the start──▶ open
import { assert, must } from '../base/assert.ts'
import type { LeaderEpoch, Offset } from '../base/units.ts'
import { leaderEpoch, offset } from '../base/units.ts'
import type { ReplicaId } from './quorum.ts'

/** One epoch of a partition's history: its records begin at `start`. */
export interface EpochStart {
  readonly epoch: LeaderEpoch
  readonly start: Offset
}

/** What a replica knows of a partition. `lineage` ascends in epoch and never goes back in start. */
export interface PromiseState {
  /** Nothing of an older epoch is taken any more; -1 before the first promise. */
  readonly promised: LeaderEpoch
  readonly lineage: readonly EpochStart[]
  readonly end: Offset
  readonly highWatermark: Offset
}

/** A replica's answer to a seal, given after its promise is durable. */
export interface SealAnswer {
  readonly lastEpoch: LeaderEpoch
  readonly end: Offset
  readonly highWatermark: Offset
}

/** A replica that holds nothing. */
export const EMPTY_REPLICA: PromiseState = {
  promised: leaderEpoch(-1),
  lineage: [],
  end: offset(0),
  highWatermark: offset(0),
}

/** Epoch of the last entry, the zero-width start of an epoch counting as one; -1 when empty. */
export const lastEpochOf = (state: PromiseState): LeaderEpoch =>
  state.lineage.at(-1)?.epoch ?? leaderEpoch(-1)

/**
 * The replica's next state and its answer when asked to promise `epoch`; null when it has promised
 * a newer one. Asking again for the same epoch is answered again: the first answer may be lost.
 */
export function promise(
  state: PromiseState,
  epoch: LeaderEpoch,
): { readonly state: PromiseState; readonly answer: SealAnswer } | null {
  if (epoch < state.promised || epoch <= lastEpochOf(state)) return null
  const { end, highWatermark } = state
  assert(highWatermark <= end, 'A high watermark lies above the log')
  const answer = { lastEpoch: lastEpochOf(state), end, highWatermark }
  return { state: { ...state, promised: epoch }, answer }
}

/** What a replica does with an append. */
export type AppendVerdict =
  | 'take' // it follows the log
  | 'fenced' // its epoch is older than the promise or the log
  | 'gap' // something before it is missing
  | 'diverged' // what is at its place is of another epoch: cut by lineage first
  | 'duplicate' // it is there already

/** An append names its epoch and the entry before it. */
export interface AppendPlace {
  readonly epoch: LeaderEpoch
  readonly previousEpoch: LeaderEpoch
  readonly from: Offset
  readonly to: Offset
}

/** Whether an append, or (with `from` = `to`) the start of an epoch, may be taken. */
export function judgeAppend(state: PromiseState, place: AppendPlace): AppendVerdict {
  assert(place.from <= place.to, 'An append ends before it begins')
  assert(place.previousEpoch <= place.epoch, 'An append follows a later epoch')
  const last = lastEpochOf(state)
  if (place.epoch < state.promised || place.epoch < last) return 'fenced'
  if (place.from > state.end) return 'gap'
  if (place.epoch === last) {
    const { start } = must(state.lineage.at(-1), 'A lineage vanished')
    if (place.from < start) return 'diverged'
    if (place.from === state.end) return place.from === place.to ? 'duplicate' : 'take'
    return place.to <= state.end ? 'duplicate' : 'diverged'
  }
  // The first append of a newer epoch: it must stand on exactly the history that it names.
  if (place.previousEpoch > last) return 'gap'
  if (place.from < state.end || place.previousEpoch < last) return 'diverged'
  // Records of an epoch may only follow its start, which is an append of no width.
  return place.from === place.to ? 'take' : 'gap'
}

/** The state after a taken append, or a taken epoch start. */
export function afterAppend(state: PromiseState, place: AppendPlace): PromiseState {
  assert(judgeAppend(state, place) === 'take', 'An append is taken that must not be')
  const isStart = place.epoch > lastEpochOf(state)
  const lineage = isStart
    ? [...state.lineage, { epoch: place.epoch, start: place.from }]
    : state.lineage
  const promised = place.epoch > state.promised ? place.epoch : state.promised
  return { ...state, promised, lineage, end: place.to }
}

/** What the new leader concludes from a seal. */
export interface SealOutcome {
  /** Where the new epoch begins: the end of the longest history of the last epoch. */
  readonly start: Offset
  readonly lastEpoch: LeaderEpoch
  /** Who holds that history, ascending by id; the leader copies from one of them what it lacks. */
  readonly sources: readonly ReplicaId[]
  /** From here to `start` W replicas must hold the tail before the high watermark may move. */
  readonly highWatermark: Offset
}

/** Collects the answers to one seal: R eligible replicas of the old copyset, each counted once. */
export class SealTally {
  readonly #copyset: ReadonlySet<ReplicaId>
  readonly #needed: number
  readonly #answers = new Map<ReplicaId, SealAnswer>()

  constructor(copyset: readonly ReplicaId[], sealQuorum: number) {
    assert(sealQuorum >= 1, 'A seal needs an answer')
    assert(sealQuorum <= copyset.length, 'A seal needs more answers than there are replicas')
    this.#copyset = new Set(copyset)
    this.#needed = sealQuorum
  }

  /**
   * Notes an answer. `eligible` is false for a replica that may have forgotten what it acknowledged
   * (an unclean restart in a weaker mode): it promises like the others and proves nothing. The last
   * answer of a replica stands; after its promise it can only be the same.
   */
  answer(replica: ReplicaId, answer: SealAnswer, eligible: boolean): void {
    assert(answer.highWatermark <= answer.end, 'A high watermark lies above the log')
    if (!eligible || !this.#copyset.has(replica)) return
    this.#answers.set(replica, answer)
  }

  /** Answers that count so far. */
  get count(): number {
    return this.#answers.size
  }

  /** The conclusion, or null while fewer than R have answered. */
  outcome(): SealOutcome | null {
    if (this.#answers.size < this.#needed) return null
    let best: SealAnswer | null = null
    let highWatermark = offset(0)
    for (const answer of this.#answers.values()) {
      if (best === null || compareHistories(answer, best) > 0) best = answer
      if (answer.highWatermark > highWatermark) highWatermark = answer.highWatermark
    }
    const { lastEpoch, end } = must(best, 'A seal has no answers')
    const sources = [...this.#answers]
      .filter(([, answer]) => answer.lastEpoch === lastEpoch && answer.end === end)
      .map(([replica]) => replica)
      .sort((a, b) => a - b)
    assert(sources.length > 0, 'A history is held by nobody')
    return { start: end, lastEpoch, sources, highWatermark: offset(Math.min(highWatermark, end)) }
  }
}

/** Positive when `a` holds the newer history: later last epoch first, then the longer one. */
export const compareHistories = (
  a: Pick<SealAnswer, 'lastEpoch' | 'end'>,
  b: Pick<SealAnswer, 'lastEpoch' | 'end'>,
): number => (a.lastEpoch === b.lastEpoch ? a.end - b.end : a.lastEpoch - b.lastEpoch)

/** What two logs share: records below `end`, and the first `epochs` entries of the lineage. */
export interface Agreement {
  readonly end: Offset
  readonly epochs: number
}

/**
 * How far a replica's log and its leader's agree: by lineage, never by high watermark. The count of
 * epochs matters beside the offset, because an epoch's start has no width: two logs may end at the
 * same offset and differ in who opened an epoch there.
 */
export function agreement(
  own: Pick<PromiseState, 'lineage' | 'end'>,
  leader: Pick<PromiseState, 'lineage' | 'end'>,
): Agreement {
  let end = offset(0)
  let epochs = 0
  for (const [i, mine] of own.lineage.entries()) {
    const theirs = leader.lineage[i]
    if (theirs === undefined || theirs.epoch !== mine.epoch || theirs.start !== mine.start) break
    const myEnd = own.lineage[i + 1]?.start ?? own.end
    const theirEnd = leader.lineage[i + 1]?.start ?? leader.end
    end = offset(Math.min(myEnd, theirEnd))
    epochs = i + 1
    if (myEnd !== theirEnd) break
  }
  assert(end <= own.end, 'A log agrees beyond its end')
  return { end, epochs }
}

/** The state after everything beyond an agreement was cut off. What is committed is never cut. */
export function afterCut(state: PromiseState, to: Agreement): PromiseState {
  assert(to.end <= state.end, 'A log is cut beyond its end')
  assert(to.end >= state.highWatermark, 'A log is cut below its high watermark')
  return { ...state, lineage: state.lineage.slice(0, to.epochs), end: to.end }
}
