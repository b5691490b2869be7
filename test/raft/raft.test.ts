// The core by itself: a quorum of one, and what may leave a node before it is durable.
import { describe, expect, test } from 'vitest'
import type { Entry } from '../../src/raft/messages.ts'
import { Raft } from '../../src/raft/raft.ts'
import { firstStart, options, votersOf } from './support.ts'

/** Runs every Ready of a node without peers to its end and returns what was committed. */
function settle(raft: Raft): Entry[] {
  const committed: Entry[] = []
  for (let ready = raft.ready(); ready !== null; ready = raft.ready()) {
    expect(ready.messages).toEqual([])
    committed.push(...ready.committed)
    raft.advance()
  }
  return committed
}

describe('Raft', () => {
  test('Raft alone leads after its first tick, once its vote is durable', () => {
    const raft = new Raft(options(1), firstStart(votersOf(1)))
    raft.tick()
    expect(raft.role).toBe('candidate')
    const ready = raft.ready()
    expect(ready?.hardState).toEqual({ term: 1, vote: 1, commit: 0 })
    expect(raft.role).toBe('candidate')
    raft.advance()
    expect(raft.role).toBe('leader')
    expect(settle(raft).map((entry) => entry.kind)).toEqual(['empty'])
    expect(raft.isSettledLeader).toBe(true)
  })

  test('Raft.propose() alone commits only when the entry is durable', () => {
    const raft = new Raft(options(1), firstStart(votersOf(1)))
    raft.tick()
    settle(raft)
    expect(raft.propose(Uint8Array.of(7))).toEqual({ index: 2, term: 1 })
    const ready = raft.ready()
    expect(ready?.entries.map((entry) => entry.index)).toEqual([2])
    expect(ready?.committed).toEqual([])
    expect(raft.committed).toBe(1)
    raft.advance()
    expect(settle(raft).map((entry) => [...entry.data])).toEqual([[7]])
  })
})
