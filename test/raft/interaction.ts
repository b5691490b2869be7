// Scripted conversations between pure nodes, in the manner of etcd's interaction tests. A script is
// blocks of `command … / ---- / what happened`; the runner replays the commands and prints every
// Ready and every message, so that a golden file reads as the protocol's own story.
import { term } from '../../src/base/units.ts'
import type { Membership } from '../../src/raft/membership.ts'
import { NO_MEMBERS, decodeMembership, membership } from '../../src/raft/membership.ts'
import type { Entry, HardState, Message, Snapshot } from '../../src/raft/messages.ts'
import type { RaftStart } from '../../src/raft/raft.ts'
import { Raft } from '../../src/raft/raft.ts'
import type { Ready } from '../../src/raft/ready.ts'
import { options } from './support.ts'

interface Stored {
  hardState: HardState
  snapshot: Snapshot
  entries: Entry[]
}

const text = new TextDecoder()

const describeMembers = ({ voters, learners }: Membership): string => {
  const tail = learners.length > 0 ? ` learners ${learners.join(',')}` : ''
  return `voters ${voters.map((voter) => voter.id).join(',')}${tail}`
}

function describeEntry(entry: Entry): string {
  const what = {
    data: () => `"${text.decode(entry.data)}"`,
    empty: () => 'empty',
    membership: () => `(${describeMembers(decodeMembership(entry.data))})`,
  }
  return `${entry.index}/${entry.term} ${what[entry.kind]()}`
}

const describeEntries = (entries: readonly Entry[]): string =>
  `[${entries.map(describeEntry).join(', ')}]`

function describeMessage(m: Message): string {
  const head = `${m.from}→${m.to} ${m.type} term ${m.term}`
  switch (m.type) {
    case 'vote':
      return [head, m.pre && ' pre', m.transfer && ' transfer', ` log ${m.lastIndex}/${m.lastTerm}`]
        .filter((part) => part !== false)
        .join('')
    case 'vote-reply':
      return `${head}${m.pre ? ' pre' : ''} ${m.granted ? 'granted' : 'refused'}`
    case 'append':
      return (
        `${head} after ${m.prevIndex}/${m.prevTerm} commit ${m.commit} ` +
        describeEntries(m.entries)
      )
    case 'append-reply':
      return m.rejected
        ? `${head} refused ${m.index} hint ${m.hintIndex}/${m.hintTerm}`
        : `${head} has ${m.index}`
    case 'heartbeat':
      return `${head} commit ${m.commit}/${m.commitTerm} round ${m.round}`
    case 'heartbeat-reply':
      return `${head} round ${m.round}`
    case 'snapshot':
      return (
        `${head} of ${m.snapshot.index}/${m.snapshot.term} ` +
        describeMembers(m.snapshot.membership)
      )
    case 'timeout-now':
      return head
    case 'read':
      return `${head} id ${m.id}`
    case 'read-reply':
      return `${head} id ${m.id} index ${m.index}`
  }
}

/** Nodes, disks and a network in order, driven by commands. */
export class Interaction {
  readonly #nodes = new Map<number, Raft>()
  readonly #disks = new Map<number, Stored>()
  readonly #cut = new Set<number>()
  #network: Message[] = []
  #out: string[] = []

  /** Runs one command line and returns what happened. */
  run(line: string): string {
    this.#out = []
    const [command = '', ...words] = line.split(' ')
    const numbers = words.map(Number)
    const first = numbers[0] ?? 0
    const second = numbers[1] ?? 0
    const commands: Readonly<Record<string, () => unknown>> = {
      nodes: () => this.#create(numbers),
      join: () => this.#join(first),
      tick: () => this.#tick(first, second),
      campaign: () => this.#node(first).campaign(),
      propose: () => this.#say(this.#node(first).propose(new TextEncoder().encode(words[1]))),
      change: () => this.#change(first, words.slice(1)),
      transfer: () => this.#say(this.#node(first).transferLeadership(second)),
      read: () => this.#say(this.#node(first).read(second)),
      compact: () => this.#compact(first, second),
      cut: () => numbers.forEach((id) => this.#cut.add(id)),
      heal: () => this.#cut.clear(),
      crash: () => this.#nodes.delete(first),
      restart: () => this.#start(first),
      settle: () => this.#settle(),
      status: () => this.#status(),
    }
    const act = commands[command]
    if (act === undefined) throw new Error(`Unknown command: ${line}`)
    act()
    return this.#out.length === 0 ? 'ok' : this.#out.join('\n')
  }

  #node(id: number): Raft {
    const node = this.#nodes.get(id)
    if (node === undefined) throw new Error(`Node ${id} is not there`)
    return node
  }

  #say(outcome: unknown): void {
    if (typeof outcome === 'object' && outcome !== null) return
    this.#out.push(String(outcome))
  }

  #create(ids: readonly number[]): void {
    const members = membership(ids.map((id) => ({ id, disk: id * 10 })))
    for (const id of ids) this.#format(id, members)
  }

  #join(id: number): void {
    this.#format(id, NO_MEMBERS)
  }

  #format(id: number, members: Membership): void {
    const nothing = { index: 0, term: term(0), membership: members, data: new Uint8Array(0) }
    const hardState = { term: term(0), vote: 0, commit: 0 }
    this.#disks.set(id, { hardState, snapshot: nothing, entries: [] })
    this.#start(id)
  }

  #start(id: number): void {
    const stored = this.#disks.get(id)
    if (stored === undefined) throw new Error(`Node ${id} has no disk`)
    const start: RaftStart = { ...stored, entries: [...stored.entries] }
    this.#nodes.set(id, new Raft(options(id, { heartbeatTicks: 5 }), start))
  }

  #tick(id: number, count: number): void {
    for (let i = 0; i < count; i++) this.#node(id).tick()
  }

  #change(id: number, words: readonly string[]): void {
    const list = (name: string): number[] => {
      const found = words.find((word) => word.startsWith(`${name}=`))
      return found === undefined
        ? []
        : found
            .slice(name.length + 1)
            .split(',')
            .map(Number)
    }
    const voters = list('voters').map((voter) => ({ id: voter, disk: voter * 10 }))
    this.#say(this.#node(id).proposeMembership(membership(voters, list('learners'))))
  }

  #compact(id: number, keep: number): void {
    const node = this.#node(id)
    const snapshot = node.snapshotAt(
      node.applied,
      new TextEncoder().encode(`image ${node.applied}`),
    )
    const stored = this.#disks.get(id)
    if (stored !== undefined) stored.snapshot = snapshot
    node.compact(snapshot, keep)
  }

  /** Readies and deliveries until nobody has anything left. */
  #settle(): void {
    for (let rounds = 0; rounds < 1000; rounds++) {
      let moved = false
      for (const [id, node] of this.#nodes) {
        const ready = node.ready()
        if (ready === null) continue
        moved = true
        this.#carryOut(id, ready)
        node.advance()
      }
      const message = this.#network.shift()
      if (message !== undefined) this.#deliver(message)
      if (!moved && message === undefined) return
    }
    throw new Error('The nodes never settle')
  }

  #deliver(message: Message): void {
    const isLost = this.#cut.has(message.from) || this.#cut.has(message.to)
    const node = this.#nodes.get(message.to)
    const note = isLost || node === undefined ? ' (lost)' : ''
    this.#out.push(`${describeMessage(message)}${note}`)
    if (note === '') node?.step(message)
  }

  #carryOut(id: number, ready: Ready): void {
    const stored = this.#disks.get(id)
    if (stored === undefined) throw new Error(`Node ${id} has no disk`)
    const say = (what: string): number => this.#out.push(`  ${id} ${what}`)
    const { hardState, snapshot, entries } = ready
    if (hardState !== null) {
      const before = stored.hardState
      stored.hardState = hardState
      const isPromise = before.term !== hardState.term || before.vote !== hardState.vote
      if (isPromise) say(`stores term ${hardState.term} vote ${hardState.vote}`)
    }
    if (snapshot !== null) {
      stored.snapshot = snapshot
      stored.entries = []
      say(`installs ${snapshot.index}/${snapshot.term} ${text.decode(snapshot.data)}`)
    }
    const first = entries[0]
    if (first !== undefined) {
      stored.entries = [...stored.entries.filter((entry) => entry.index < first.index), ...entries]
      say(`stores ${describeEntries(entries)}`)
    }
    this.#network.push(...ready.messages)
    if (ready.committed.length > 0) say(`applies ${describeEntries(ready.committed)}`)
    for (const read of ready.reads) say(`serves read ${read.id} at ${read.index}`)
  }

  #status(): void {
    for (const [id, node] of this.#nodes) {
      const position = `committed ${node.committed} last ${node.lastIndex}`
      const fed = node.progress().map((p) => `${p.id} ${p.state} ${p.match}`)
      const tail = fed.length > 0 ? ` | ${fed.join(' | ')}` : ''
      const who = `${node.role} of ${node.leader} term ${node.term}`
      this.#out.push(`${id} ${who} ${position} ${describeMembers(node.members)}${tail}`)
    }
  }
}

/** Replays a script and returns it with the outcomes that really came about. */
export function replay(script: string): string {
  const nodes = new Interaction()
  const blocks = script.trimEnd().split(/\n\n+/)
  const out = blocks.map((block) => {
    const commands = (block.split('\n----\n')[0] ?? '').replace(/\n----$/, '')
    const lines = commands.split('\n')
    if (lines.every((line) => line.startsWith('#'))) return commands
    const happened = lines.filter((line) => !line.startsWith('#')).map((line) => nodes.run(line))
    const said = happened.filter((outcome) => outcome !== 'ok')
    return `${commands}\n----\n${said.length === 0 ? 'ok' : said.join('\n')}`
  })
  return `${out.join('\n\n')}\n`
}
