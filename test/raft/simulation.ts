// A quorum of pure nodes under one seed: messages are lost, repeated and reordered, links are cut
// one way or both, nodes crash between any two phases of a Ready and lose what was not persisted,
// disks are lost and replaced, members come and go. After every step the judge looks at the node
// that moved. Then everything heals, and the quorum must agree within a bounded time.
import { term } from '../../src/base/units.ts'
import type { Membership } from '../../src/raft/membership.ts'
import { NO_MEMBERS, decodeMembership, membership } from '../../src/raft/membership.ts'
import type { Entry, HardState, Message, Snapshot } from '../../src/raft/messages.ts'
import { Raft } from '../../src/raft/raft.ts'
import type { Ready } from '../../src/raft/ready.ts'
import type { PlantedBug } from '../../src/raft/state.ts'
import type { DiskModel } from './invariants.ts'
import { Judge, Violation } from './invariants.ts'
import { options } from './support.ts'

/** Bugs of whoever drives the core, planted like the core's own. */
export type DriverBug = 'send-before-persist' | 'reset-log-before-snapshot' | 'reuse-lost-disk'

interface Disk extends DiskModel {
  snapshot: Snapshot
  entries: Entry[]
}

interface Node {
  readonly id: number
  disk: Disk
  raft: Raft | null
  ready: Ready | null
  persisted: boolean
  applied: number
  hash: number
  ticks: number
  heard: Map<number, number>
  /** Members at its last tick as a leader. */
  known: Membership | null
  reads: Map<number, number>
}

const ELECTION_TICKS = 10
const NETWORK_MAX = 120

/** What a run did, to see that faults really happened. */
export interface Counters {
  steps: number
  crashes: number
  lost: number
  repeated: number
  disksLost: number
  changes: number
  snapshotsInstalled: number
  reads: number
  proposals: number
}

export class Simulation {
  readonly judge: Judge
  readonly counters: Counters = {
    steps: 0,
    crashes: 0,
    lost: 0,
    repeated: 0,
    disksLost: 0,
    changes: 0,
    snapshotsInstalled: 0,
    reads: 0,
    proposals: 0,
  }
  /** Fingerprint of everything that happened: equal for equal seeds. */
  trace = 2166136261
  readonly #nodes: Node[] = []
  readonly #bugs: ReadonlySet<PlantedBug | DriverBug>
  readonly #first: Membership
  #network: Message[] = []
  readonly #cut = new Set<string>()
  #random: number
  #payload = 0
  #disks = 0
  readonly #chance: { loss: number; repeat: number; crash: number; cut: number; lazy: number }
  readonly #appendBytes: number
  #faulty = true

  constructor(seed: number, bugs: ReadonlySet<PlantedBug | DriverBug> = new Set()) {
    this.#random = (seed * 2654435761) >>> 0
    this.#bugs = bugs
    const size = this.#pick([1, 2, 3, 3, 3, 4, 4, 5, 5]) ?? 3
    const voters = size === 4 && this.#flip(0.5) ? 3 : size
    const ids = Array.from({ length: size }, (_, i) => i + 1)
    this.#disks = size
    this.#first = membership(
      ids.slice(0, voters).map((id) => ({ id, disk: id })),
      ids.slice(voters),
    )
    this.judge = new Judge(this.#first)
    this.#chance = {
      loss: this.#draw() * 0.3,
      repeat: this.#draw() * 0.3,
      crash: this.#draw() * 0.012,
      cut: this.#draw() * 0.015,
      lazy: this.#draw() * 0.5,
    }
    this.#appendBytes = this.#pick([30, 120, 1000]) ?? 30
    for (const id of ids) this.#nodes.push(this.#blank(id, id, this.#first))
    for (const node of this.#nodes) this.#start(node)
  }

  #draw(): number {
    this.#random = (this.#random + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), this.#random | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }

  #below = (limit: number): number => Math.floor(this.#draw() * limit)
  #flip = (chance: number): boolean => this.#draw() < chance

  #pick<T>(from: readonly T[]): T | undefined {
    return from[this.#below(from.length)]
  }

  #note(...values: number[]): void {
    for (const value of values) this.trace = Math.imul(this.trace ^ value, 16777619) >>> 0
  }

  #blank(id: number, diskId: number, members: Membership): Node {
    const snapshot = { index: 0, term: term(0), membership: members, data: hashBytes(2166136261) }
    const promises = { term: 0, vote: 0, commit: 0, snapshotIndex: 0, last: 0 }
    return {
      id,
      disk: { id: diskId, ...promises, snapshot, entries: [] },
      raft: null,
      ready: null,
      persisted: false,
      applied: 0,
      hash: 0,
      ticks: 0,
      heard: new Map(),
      known: null,
      reads: new Map(),
    }
  }

  /** A restart: the core begins from what the disk holds, as the storage's recovery would say. */
  #start(node: Node): void {
    const { disk } = node
    const base = disk.entries.findIndex((entry) => entry.index === disk.snapshot.index)
    const reaches =
      disk.entries[0]?.index === disk.snapshot.index + 1 ||
      disk.entries[base]?.term === disk.snapshot.term
    const entries = reaches ? disk.entries.slice(base + 1) : []
    disk.entries = [...entries]
    disk.last = entries.at(-1)?.index ?? disk.snapshot.index
    const hardState: HardState = { term: term(disk.term), vote: disk.vote, commit: disk.commit }
    const seed = this.#below(1 << 30)
    node.raft = new Raft(
      options(node.id, {
        disk: disk.id,
        seed,
        electionTicks: ELECTION_TICKS,
        heartbeatTicks: 3,
        appendBytesMax: this.#appendBytes,
        bugs: this.#bugs as ReadonlySet<PlantedBug>,
      }),
      { hardState, snapshot: disk.snapshot, entries },
    )
    node.ready = null
    node.persisted = false
    node.applied = disk.snapshot.index
    node.hash = hashOf(disk.snapshot.data)
    this.judge.restored(node.applied, node.hash)
    this.judge.recovered(disk.id, node.raft)
    node.heard = new Map()
    node.known = null
    node.reads = new Map()
  }

  /** One event. */
  step(): void {
    this.counters.steps += 1
    const { crash, cut, lazy } = this.#chance
    const node = this.#pick(this.#nodes)
    if (node === undefined) return
    if (this.#faulty && this.#flip(crash)) return this.#crashOrStart(node)
    if (this.#faulty && this.#flip(cut)) return this.#cutOrHeal()
    // Two leaders at once is when a read may go wrong: only the newer one may answer.
    const leaders = this.#nodes.filter((other) => other.raft?.role === 'leader')
    if (leaders.length > 1 && this.#flip(0.2)) for (const leader of leaders) this.#read(leader)
    const dice = this.#draw()
    let moved: Node | null = node
    if (dice < 0.6) moved = this.#deliver()
    else if (dice < 0.85) this.#tick(node)
    else if (dice < 0.95 || !this.#faulty) this.#ask(node)
    else this.#operate(node)
    for (const other of this.#nodes) if (other !== moved && other.ready === null) this.#work(other)
    if (moved === null || moved.raft === null) return
    this.judge.look({ id: moved.id, raft: moved.raft, disk: moved.disk })
    if (!this.#faulty || !this.#flip(lazy)) while (this.#work(moved)) continue
    else this.#work(moved)
  }

  #tick(node: Node): void {
    if (node.raft === null) return
    node.ticks += 1
    node.raft.tick()
    this.#note(1, node.id)
    if (node.raft.role !== 'leader') return
    // Other voters make another majority: it is given as long as one that was just heard.
    if (node.known !== node.raft.members) {
      for (const { id } of node.raft.members.voters) node.heard.set(id, node.ticks)
    }
    node.known = node.raft.members
    const silence = node.raft.members.voters.map((voter) =>
      voter.id === node.id ? 0 : node.ticks - (node.heard.get(voter.id) ?? 0),
    )
    silence.sort((a, b) => a - b)
    const majority = Math.floor(silence.length / 2)
    // Votes may be two timeouts old when the last one wins, and two checks pass before it stops.
    this.judge.silent(silence[majority] ?? 0, 4 * ELECTION_TICKS + 1)
  }

  #deliver(): Node | null {
    if (this.#network.length === 0) return null
    const at = this.#below(this.#network.length)
    const message = this.#network[at]
    if (message === undefined) return null
    const { loss, repeat } = this.#chance
    if (this.#faulty && this.#flip(repeat)) this.counters.repeated += 1
    else this.#network.splice(at, 1)
    const node = this.#nodes[message.to - 1]
    const isCut = this.#cut.has(`${message.from}>${message.to}`)
    if (isCut || node === undefined || node.raft === null || (this.#faulty && this.#flip(loss))) {
      this.counters.lost += 1
      return null
    }
    this.#note(2, node.id, message.from, message.term, message.type.length)
    if (message.term >= node.raft.term) node.heard.set(message.from, node.ticks)
    node.raft.step(message)
    return node
  }

  /** One phase of the node's Ready; false when there is nothing to do. */
  #work(node: Node): boolean {
    const { raft } = node
    if (raft === null) return false
    if (node.ready === null) {
      node.ready = raft.ready()
      if (node.ready === null) return false
      const first = node.ready.entries[0]
      if (first !== undefined) {
        this.judge.appended(node.ready.entries, raft.termAt(first.index - 1))
      }
      node.persisted = false
      if (this.#bugs.has('send-before-persist')) this.#send(node, node.ready)
    } else if (!node.persisted) {
      if (this.#faulty && this.#flip(this.#chance.crash)) {
        this.#crashOrStart(node)
        return false
      }
      if (this.#faulty && node.ready.snapshot !== null && this.#flip(0.2)) {
        // The rarest place to die: half way through replacing the log.
        this.#crashOrStart(node)
        return false
      }
      this.#persist(node, node.ready, 4)
      node.persisted = true
    } else {
      const ready = node.ready
      node.ready = null
      if (!this.#bugs.has('send-before-persist')) this.#send(node, ready)
      this.#apply(node, ready)
      raft.advance()
      for (const read of ready.reads) this.#served(node, read)
      if (this.#flip(0.08) && node.applied > node.disk.snapshot.index) this.#compact(node, raft)
    }
    this.judge.look({ id: node.id, raft, disk: node.disk })
    return true
  }

  /** Does the first `phases` of: term and vote, snapshot, start of a new log, entries. */
  #persist(node: Node, ready: Ready, phases: number): void {
    const { disk } = node
    const { hardState, snapshot, entries } = ready
    if (phases > 0 && hardState !== null) {
      if (hardState.term !== disk.term || hardState.vote !== disk.vote) {
        disk.term = hardState.term
        disk.vote = hardState.vote
        const certain = Math.min((entries[0]?.index ?? disk.last + 1) - 1, disk.last)
        disk.commit = Math.max(disk.commit, Math.min(hardState.commit, certain))
      }
    }
    if (snapshot !== null) {
      const early = this.#bugs.has('reset-log-before-snapshot')
      if (phases > (early ? 2 : 1)) {
        disk.snapshot = snapshot
        disk.snapshotIndex = snapshot.index
        this.judge.persisted(disk.id, [], snapshot.index)
      }
      if (phases > (early ? 1 : 2)) {
        disk.entries = []
        disk.last = snapshot.index
      }
    }
    if (phases <= 3) return
    const first = entries[0]
    if (first === undefined) return
    disk.entries = disk.entries.filter((entry) => entry.index < first.index)
    disk.entries.push(...entries)
    disk.last = entries.at(-1)?.index ?? disk.last
    this.judge.persisted(disk.id, entries, 0)
  }

  #send(node: Node, ready: Ready): void {
    for (const message of ready.messages) {
      this.judge.sent(node.disk, message)
      this.#network.push(message)
    }
    while (this.#network.length > NETWORK_MAX) {
      this.#network.splice(this.#below(this.#network.length), 1)
      this.counters.lost += 1
    }
  }

  #apply(node: Node, ready: Ready): void {
    if (ready.snapshot !== null) {
      node.applied = ready.snapshot.index
      node.hash = hashOf(ready.snapshot.data)
      this.judge.restored(node.applied, node.hash)
      this.counters.snapshotsInstalled += 1
    }
    for (const entry of ready.committed) {
      this.judge.applied(node.applied, entry)
      node.applied = entry.index
      this.#note(3, node.id, entry.index, entry.term)
    }
  }

  #served(node: Node, read: { readonly id: number; readonly index: number }): void {
    const asked = node.reads.get(read.id)
    node.reads.delete(read.id)
    if (asked === undefined || read.index < 0) return
    this.counters.reads += 1
    this.judge.readServed(read.index, asked)
  }

  #compact(node: Node, raft: Raft): void {
    if (raft.termAt(node.applied) === null) return
    const data = hashBytes(this.judge.hashUpTo(node.applied))
    const snapshot = raft.snapshotAt(node.applied, data)
    node.disk.snapshot = snapshot
    node.disk.snapshotIndex = snapshot.index
    this.judge.persisted(node.disk.id, [], snapshot.index)
    raft.compact(snapshot, this.#below(4))
  }

  #ask(node: Node): void {
    if (node.raft === null) return
    if (this.#flip(0.6)) {
      this.#payload += 1
      const outcome = node.raft.propose(Uint8Array.of(this.#payload >> 8, this.#payload & 255))
      if (typeof outcome !== 'string') this.counters.proposals += 1
    } else this.#read(node)
  }

  #read(node: Node): void {
    const id = this.counters.steps
    if (node.raft?.read(id) === true) node.reads.set(id, this.judge.maxCommitted)
  }

  /** What operators do: hand over, campaign, change members. */
  #operate(node: Node): void {
    const { raft } = node
    if (raft === null) return
    const dice = this.#draw()
    if (dice < 0.2) raft.campaign()
    else if (dice < 0.4) raft.transferLeadership(1 + this.#below(this.#nodes.length))
    else this.#change(raft)
  }

  #change(raft: Raft): void {
    const now = raft.members
    const lost = now.voters.find((voter) => this.#nodes[voter.id - 1]?.disk.id !== voter.disk)
    let next: Membership | null = null
    const learners = now.learners
    if (lost !== undefined) {
      next = membership(
        now.voters.filter((voter) => voter.id !== lost.id),
        learners,
      )
    } else {
      const node = this.#pick(this.#nodes)
      if (node === undefined) return
      const rest = now.voters.filter((voter) => voter.id !== node.id)
      const others = learners.filter((id) => id !== node.id)
      const isVoter = rest.length < now.voters.length
      if (!isVoter) next = membership([...rest, { id: node.id, disk: node.disk.id }], others)
      else if (rest.length >= 3)
        next = membership(rest, this.#flip(0.5) ? others : [...others, node.id])
    }
    if (next === null || typeof raft.proposeMembership(next) === 'string') return
    this.counters.changes += 1
    this.judge.changed(raft, next)
  }

  #crashOrStart(node: Node): void {
    this.#note(4, node.id)
    if (node.raft === null) return this.#start(node)
    this.counters.crashes += 1
    const torn = node.ready !== null && !node.persisted
    if (torn && node.ready !== null) this.#persist(node, node.ready, this.#below(5))
    node.raft = null
    if (this.#flip(0.25) && this.#maySpare(node)) this.#loseDisk(node)
    if (this.#flip(0.5)) this.#start(node)
  }

  /** One disk at a time, and only while every membership in use keeps a majority without it. */
  #maySpare(node: Node): boolean {
    return this.#nodes.every((other) => {
      const members = other.raft?.members ?? latestOn(other.disk)
      const whole = members.voters.filter(({ id, disk }) => {
        return id !== node.id && this.#nodes[id - 1]?.disk.id === disk
      })
      const isIntact = members.voters.length - whole.length <= 1
      return isIntact && whole.length >= Math.max(2, Math.floor(members.voters.length / 2) + 1)
    })
  }

  #loseDisk(node: Node): void {
    this.counters.disksLost += 1
    this.#disks += 1
    const diskId = this.#bugs.has('reuse-lost-disk') ? node.disk.id : 100 + this.#disks
    const members = this.#bugs.has('reuse-lost-disk') ? this.#first : NO_MEMBERS
    node.disk = this.#blank(node.id, diskId, members).disk
    node.applied = 0
  }

  #cutOrHeal(): void {
    this.#note(5)
    if (this.#cut.size > 0 && this.#flip(0.6)) return this.#cut.clear()
    const node = this.#pick(this.#nodes)
    const oneWay = this.#flip(0.3)
    for (const other of this.#nodes) {
      if (node === undefined || other === node || this.#flip(0.2)) continue
      this.#cut.add(`${node.id}>${other.id}`)
      if (!oneWay) this.#cut.add(`${other.id}>${node.id}`)
    }
  }

  /** No more faults: within a bounded number of steps all members must agree (INV-80). */
  heal(): void {
    this.#faulty = false
    this.#cut.clear()
    for (const node of this.#nodes) if (node.raft === null) this.#start(node)
    for (let i = 0; i < 30_000; i++) {
      this.step()
      if (i % 100 === 0 && this.#agrees()) return
    }
    throw new Violation(`INV-80 a healed quorum does not agree\n${this.describe()}`)
  }

  /** Every node in one line each, for a failure's report. */
  describe(): string {
    const lines = this.#nodes.map(({ id, disk, raft }) => {
      if (raft === null) return `${id} down, disk ${disk.id}`
      const { role, leader, committed, lastIndex, members } = raft
      const voters = members.voters.map((voter) => `${voter.id}/${voter.disk}`).join(',')
      const position = `term ${raft.term} committed ${committed} last ${lastIndex}`
      const voting = `voters ${voters} learners ${members.learners.join(',')}`
      const fed = raft.progress().map((p) => `${p.id}:${p.state}@${p.match}<${p.next}`)
      return `${id} disk ${disk.id} ${role} of ${leader} ${position} ${voting} ${fed.join(' ')}`
    })
    return lines.join('\n')
  }

  #agrees(): boolean {
    const leader = this.#nodes.find((node) => node.raft?.isSettledLeader === true)?.raft
    if (leader === undefined || leader === null) return false
    const ids = [...leader.members.voters.map((voter) => voter.id), ...leader.members.learners]
    return ids.every((id) => {
      const raft = this.#nodes[id - 1]?.raft
      return raft?.leader === leader.id && raft.committed + 5 >= leader.committed
    })
  }
}

const hashBytes = (hash: number): Uint8Array =>
  Uint8Array.of(hash >>> 24, (hash >>> 16) & 255, (hash >>> 8) & 255, hash & 255)

const hashOf = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0)

function latestOn(disk: Disk): Membership {
  const last = disk.entries.findLast((entry) => entry.kind === 'membership')
  return last === undefined ? disk.snapshot.membership : decodeMembership(last.data)
}

/** Runs one seed; throws with the seed and how to replay it. */
export function simulate(
  seed: number,
  bugs: ReadonlySet<PlantedBug | DriverBug> = new Set(),
  steps = 4000,
): Simulation {
  const simulation = new Simulation(seed, bugs)
  try {
    for (let i = 0; i < steps; i++) simulation.step()
    simulation.heal()
  } catch (error) {
    const at = `seed ${seed}, step ${simulation.counters.steps}`
    const replay = `STRATALOG_SEED=${seed} npx vitest run test/raft/simulation.test.ts`
    throw new Violation(`${String(error)} (${at}; replay: ${replay})`, { cause: error })
  }
  return simulation
}
