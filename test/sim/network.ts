// A network in memory under virtual time: ordered byte streams whose chunks, delays and ends are
// drawn from a seed. Hosts can be cut from each other (bytes wait, as TCP retransmits), slowed,
// reset or powered off (silence until they are back). Every stream is honest TCP otherwise: in
// order, once, with a bounded window.
import { assert } from '../../src/base/assert.ts'
import { OperatingError } from '../../src/base/errors.ts'
import type { Prng } from '../../src/base/prng.ts'
import type { Connection, ConnectionHandler, Listener, Network } from '../../src/ports/network.ts'
import type { Scheduler } from './clock.ts'
import { SimConnection } from './connection.ts'
import type { Link } from './connection.ts'

/** How the simulated network is. */
export interface SimNetworkOptions {
  /** One-way delay of a chunk in virtual milliseconds: uniform in [least, most). */
  readonly latencyMs?: readonly [number, number]
  /** Chance that a chunk is cut into pieces at arbitrary places. */
  readonly chunking?: number
  /** Bytes that may be under way or unread before the sender must queue. */
  readonly windowBytes?: number
  /** How long an attempt to connect waits for an answer. */
  readonly connectMs?: number
}

type Accept = (connection: Connection) => ConnectionHandler

const defaults: Required<SimNetworkOptions> = {
  latencyMs: [0.02, 0.5],
  chunking: 0.2,
  windowBytes: 256 * 1024,
  connectMs: 1000,
}

const aliases = ['localhost', '127.0.0.1', '::1', '0.0.0.0', '::']

/** All hosts and what lies between them. */
export class SimNetwork implements Link {
  /** Faults that happened, by name. */
  readonly counts = { cut: 0, reset: 0, silenced: 0, refused: 0 }
  readonly options: Required<SimNetworkOptions>
  readonly #scheduler: Scheduler
  readonly #prng: Prng
  readonly #listeners = new Map<string, Accept>()
  readonly #cuts = new Set<string>()
  readonly #silent = new Set<string>()
  readonly #connections = new Set<SimConnection>()
  /** What waits for a cut to heal, by direction. */
  readonly #waiting = new Map<string, (() => void)[]>()
  /** How often a host's process has died: what an earlier one began does not reach its heirs. */
  readonly #lives = new Map<string, number>()
  #nextPort = 40_000

  constructor(scheduler: Scheduler, prng: Prng, options: SimNetworkOptions = {}) {
    this.#scheduler = scheduler
    this.#prng = prng
    this.options = { ...defaults, ...options }
  }

  /** The network as the process on `host` sees it. Its own host is also 'localhost' to it. */
  host(host: string): Network {
    return {
      listen: (address, accept) => this.#listen(host, address.port, accept),
      connect: (address, open) => {
        const to = aliases.includes(address.host) ? host : address.host
        return this.#connect(host, { host: to, port: address.port }, open)
      },
    }
  }

  /** Holds up everything from `from` to `to`; both ways unless `oneWay`. Nothing is lost yet. */
  cut(from: string, to: string, oneWay = false): void {
    this.counts.cut++
    this.#cuts.add(`${from}>${to}`)
    if (!oneWay) this.#cuts.add(`${to}>${from}`)
  }

  /** Ends every cut; what was held up arrives. */
  heal(): void {
    this.#cuts.clear()
    const waiting = [...this.#waiting.values()].flat()
    this.#waiting.clear()
    for (const go of waiting) this.#scheduler.schedule(this.#latencyMs(), go)
  }

  /** Breaks every connection between two hosts with an error at both ends. */
  reset(one: string, other: string): void {
    for (const connection of [...this.#connections]) {
      if (connection.host !== one || connection.peerHost !== other) continue
      this.counts.reset++
      connection.fail(new Error('read ECONNRESET'))
      connection.other?.fail(new Error('read ECONNRESET'))
    }
  }

  /**
   * The process on `host` dies. Killed, its kernel tells the peers; powered off, nobody does, and
   * their connections hang half open until the host is back and knows nothing of them.
   */
  kill(host: string, how: 'killed' | 'powered off'): void {
    this.#lives.set(host, this.#life(host) + 1)
    for (const key of [...this.#listeners.keys()]) {
      if (key.startsWith(`${host}|`)) this.#listeners.delete(key)
    }
    for (const connection of [...this.#connections]) {
      if (connection.host !== host) continue
      const peer = connection.other
      connection.vanish()
      if (how === 'killed') {
        this.carry(host, connection.peerHost, () => peer?.fail(new Error('read ECONNRESET')))
      }
    }
    if (how === 'powered off') {
      this.counts.silenced++
      this.#silent.add(host)
    }
  }

  /** A host that was powered off is back; its peers' old connections end with a reset. */
  restore(host: string): void {
    this.#silent.delete(host)
    for (const connection of [...this.#connections]) {
      if (connection.peerHost === host && connection.other === null) {
        this.carry(host, connection.host, () => connection.fail(new Error('read ECONNRESET')))
      }
    }
  }

  /** Connections that have not closed, each end counted. */
  get openConnections(): number {
    return this.#connections.size
  }

  /** Calls `arrive` after the way from one host to the other, unless a silent host loses it. */
  carry(from: string, to: string, arrive: () => void): void {
    const direction = `${from}>${to}`
    this.#scheduler.schedule(this.#latencyMs(), () => {
      if (this.#silent.has(to) || this.#silent.has(from)) return
      const held = this.#waiting.get(direction)
      if (!this.#cuts.has(direction)) arrive()
      else if (held === undefined) this.#waiting.set(direction, [arrive])
      else held.push(arrive)
    })
  }

  /** Runs `run` in an event of its own. */
  soon(run: () => void): void {
    this.#scheduler.schedule(0, run)
  }

  /** Length of the next piece of a chunk of `length` bytes. */
  piece(length: number): number {
    return this.#prng.chance(this.options.chunking) ? 1 + this.#prng.below(length) : length
  }

  /** The connection is closed. */
  forget(connection: SimConnection): void {
    this.#connections.delete(connection)
  }

  #life(host: string): number {
    return this.#lives.get(host) ?? 0
  }

  #latencyMs(): number {
    const [least, most] = this.options.latencyMs
    return least + this.#prng.float() * (most - least)
  }

  async #listen(host: string, port: number, accept: Accept): Promise<Listener> {
    const bound = port === 0 ? this.#nextPort++ : port
    const key = `${host}|${bound}`
    if (this.#listeners.has(key)) {
      throw new OperatingError('refused', `Cannot listen on ${host}:${bound}: EADDRINUSE`)
    }
    this.#listeners.set(key, accept)
    const close = async (): Promise<void> => {
      if (this.#listeners.get(key) === accept) this.#listeners.delete(key)
    }
    return { host, port: bound, close }
  }

  #connect(
    from: string,
    to: { readonly host: string; readonly port: number },
    open: Accept,
  ): Promise<Connection> {
    const life = this.#life(from)
    return new Promise((resolve, reject) => {
      let over = false
      const refuse = (why: string): void => {
        if (over || life !== this.#life(from)) return
        over = true
        giveUp()
        this.counts.refused++
        const text = `Cannot connect to ${to.host}:${to.port}: ${why}`
        reject(new OperatingError('retry', text))
      }
      const giveUp = this.#scheduler.schedule(this.options.connectMs, () => refuse('ETIMEDOUT'))
      this.carry(from, to.host, () => {
        const key = `${to.host}|${to.port}`
        const accept = this.#listeners.get(key)
        if (accept === undefined) {
          this.carry(to.host, from, () => refuse('ECONNREFUSED'))
          return
        }
        this.carry(to.host, from, () => {
          const gone = life !== this.#life(from) || this.#listeners.get(key) !== accept
          if (over || gone) return
          over = true
          giveUp()
          const [near, far] = this.#pair(from, to)
          // The far side knows of the connection first, as the near one's first bytes come later.
          far.open(accept)
          near.open(open)
          resolve(near)
        })
      })
    })
  }

  #pair(
    from: string,
    to: { readonly host: string; readonly port: number },
  ): readonly [SimConnection, SimConnection] {
    const port = this.#nextPort++
    const near = new SimConnection(this, from, to.host, `${to.host}:${to.port}`)
    const far = new SimConnection(this, to.host, from, `${from}:${port}`)
    near.join(far)
    far.join(near)
    assert(near.other === far, 'The ends of a connection know each other')
    this.#connections.add(near).add(far)
    return [near, far]
  }
}
