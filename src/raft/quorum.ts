// Counting: who has voted, what a majority holds, whom a leader can still reach. Votes are counted
// by voter and not by message, and a voter counts only with the disk that the membership names, so
// that neither a repeated message nor a blank replacement can make a majority.
import { assert } from '../base/assert.ts'
import type { Membership, NodeId } from './membership.ts'
import { isVoter } from './membership.ts'

/** Voters needed for a majority of `count`. */
export const majority = (count: number): number => Math.floor(count / 2) + 1

/** How an election stands. */
export type Outcome = 'won' | 'lost' | 'pending'

interface Ballot {
  readonly disk: number
  readonly granted: boolean
}

/** The ballots of one election. A voter's first word stands. */
export class Tally {
  readonly #ballots = new Map<NodeId, Ballot>()
  readonly #countDuplicates: boolean
  #duplicates = 0

  /** `countDuplicates` is a planted bug for tests: it counts messages instead of voters. */
  constructor(countDuplicates = false) {
    this.#countDuplicates = countDuplicates
  }

  /** Notes one ballot; a second one of the same voter changes nothing. */
  record(id: NodeId, ballot: Ballot): void {
    assert(id > 0, 'A ballot comes from nobody')
    if (!this.#ballots.has(id)) this.#ballots.set(id, ballot)
    else if (this.#countDuplicates && ballot.granted) this.#duplicates += 1
  }

  /**
   * Where the election stands among the voters of `members`. `tooFew` is a planted bug for tests.
   */
  outcome(members: Membership, tooFew = false): Outcome {
    let granted = 0
    let refused = 0
    for (const voter of members.voters) {
      const ballot = this.#ballots.get(voter.id)
      if (ballot === undefined || ballot.disk !== voter.disk) continue
      if (ballot.granted) granted += 1
      else refused += 1
    }
    const needed = majority(members.voters.length) - (tooFew ? 1 : 0)
    assert(granted + refused <= members.voters.length, 'More ballots than voters')
    if (granted + this.#duplicates >= needed) return 'won'
    return members.voters.length - refused < needed ? 'lost' : 'pending'
  }
}

/**
 * The largest value that a majority of voters has reached. `reached` gives each voter's, or 0 for
 * one that does not count. Allocates nothing for a single voter. `tooFew` is a planted bug.
 */
export function majorityValue(
  members: Membership,
  reached: (id: NodeId, disk: number) => number,
  tooFew = false,
): number {
  const voters = members.voters
  const first = voters[0]
  if (first === undefined) return 0
  if (voters.length === 1) return reached(first.id, first.disk)
  const values = voters.map((voter) => reached(voter.id, voter.disk)).sort((a, b) => b - a)
  const value = values[majority(voters.length) - (tooFew ? 2 : 1)]
  assert(value !== undefined, 'A majority is larger than the voters')
  return value
}

/** True when exactly this node decides alone: the only voter, with this disk. */
export const isAlone = (members: Membership, id: NodeId, disk: number): boolean =>
  members.voters.length === 1 && isVoter(members, id, disk)
