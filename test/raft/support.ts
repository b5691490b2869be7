// Options and starts that the raft tests share.
import { term } from '../../src/base/units.ts'
import type { Membership } from '../../src/raft/membership.ts'
import { membership } from '../../src/raft/membership.ts'
import type { RaftStart } from '../../src/raft/raft.ts'
import type { PlantedBug, RaftOptions } from '../../src/raft/state.ts'

export const options = (id: number, more: Partial<RaftOptions> = {}): RaftOptions => ({
  id,
  disk: id * 10,
  seed: id * 7919,
  electionTicks: 10,
  heartbeatTicks: 1,
  snapshotTicks: 30,
  appendBytesMax: 1024,
  inflightMax: 4,
  uncommittedBytesMax: 64 * 1024,
  readsMax: 100,
  ...more,
})

export const votersOf = (...ids: number[]): Membership =>
  membership(ids.map((id) => ({ id, disk: id * 10 })))

export const firstStart = (members: Membership): RaftStart => ({
  hardState: { term: term(0), vote: 0, commit: 0 },
  snapshot: { index: 0, term: term(0), membership: members, data: new Uint8Array(0) },
  entries: [],
})

export const bugs = (...names: PlantedBug[]): ReadonlySet<PlantedBug> => new Set(names)
