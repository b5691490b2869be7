// One classic group under a hand-driven clock. Stores become durable at once unless a test holds
// them; replies are kept by ticket so that a test can look at them when it likes.
import { expect } from 'vitest'
import { ClassicGroup } from '../../../src/group/classic/group.ts'
import type {
  ClassicLimits,
  GroupEffect,
  GroupProtocol,
  Instant,
  JoinEvent,
  JoinReply,
  StoredGroup,
  SyncReply,
} from '../../../src/group/classic/types.ts'

export const LIMITS: ClassicLimits = {
  membersMax: 1000,
  pendingJoinsMax: 1000,
  initialDelayMs: 0,
  newMemberJoinTimeoutMs: 300_000,
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const protocols = (...names: string[]): GroupProtocol[] =>
  names.map((name) => ({ name, metadata: bytes(`meta-${name}`) }))

export interface JoinOptions extends Partial<Omit<JoinEvent, 'at' | 'ticket' | 'memberId'>> {
  readonly memberId?: string | undefined
}

export class World {
  nowMs = 1_000_000
  readonly limits: ClassicLimits
  group: ClassicGroup
  readonly joins = new Map<number, JoinReply>()
  readonly syncs = new Map<number, SyncReply>()
  readonly stores: { token: number; group: StoredGroup }[] = []
  /** Whether stores wait for `release`. */
  holds = false
  readonly held: number[] = []
  #tickets = 0
  #ids = 0

  constructor(limits: Partial<ClassicLimits> = {}) {
    this.limits = { ...LIMITS, ...limits }
    this.group = new ClassicGroup('g', this.limits)
  }

  get at(): Instant {
    return { monotonicMs: this.nowMs, wallMs: this.nowMs + 1_700_000_000_000 }
  }

  /** Tickets given out that have no answer yet. */
  get waiting(): number {
    return this.#tickets - this.joins.size - this.syncs.size
  }

  apply(effects: readonly GroupEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'joined') {
        expect(this.joins.has(effect.ticket)).toBe(false)
        this.joins.set(effect.ticket, effect.reply)
      } else if (effect.kind === 'synced') {
        expect(this.syncs.has(effect.ticket)).toBe(false)
        this.syncs.set(effect.ticket, effect.reply)
      } else {
        this.stores.push({ token: effect.token, group: effect.group })
        if (this.holds) this.held.push(effect.token)
        else this.apply(this.group.stored(effect.token, this.at))
      }
    }
  }

  release(): void {
    for (const token of this.held.splice(0)) this.apply(this.group.stored(token, this.at))
  }

  /** Sends a JoinGroup; the ticket names its reply. Version 3 style unless told otherwise. */
  join(options: JoinOptions = {}): number {
    const ticket = ++this.#tickets
    const effects = this.group.join({
      instanceId: null,
      freshMemberId: `m${++this.#ids}`,
      clientId: 'client',
      clientHost: '/127.0.0.1',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      protocolType: 'consumer',
      protocols: protocols('range'),
      memberIdRequired: false,
      canSkipAssignment: false,
      ...options,
      memberId: options.memberId ?? '',
      at: this.at,
      ticket,
    })
    this.apply(effects)
    return ticket
  }

  joined(ticket: number): JoinReply {
    const reply = this.joins.get(ticket)
    if (reply === undefined) throw new Error(`join ${ticket} has no answer`)
    return reply
  }

  sync(
    memberId: string,
    generation: number,
    options: {
      assignments?: Record<string, string>
      instanceId?: string | null
      protocol?: string | null
      protocolType?: string | null
    } = {},
  ): number {
    const ticket = ++this.#tickets
    this.apply(
      this.group.sync({
        at: this.at,
        ticket,
        memberId,
        instanceId: options.instanceId ?? null,
        generation,
        protocolType: options.protocolType ?? null,
        protocol: options.protocol ?? null,
        assignments: new Map(
          Object.entries(options.assignments ?? {}).map(([id, text]) => [id, bytes(text)]),
        ),
      }),
    )
    return ticket
  }

  synced(ticket: number): SyncReply {
    const reply = this.syncs.get(ticket)
    if (reply === undefined) throw new Error(`sync ${ticket} has no answer`)
    return reply
  }

  assignment(ticket: number): string {
    return new TextDecoder().decode(this.synced(ticket).assignment)
  }

  heartbeat(memberId: string, generation: number, instanceId: string | null = null): number {
    return this.group.heartbeat({ memberId, instanceId }, generation, this.at)
  }

  leave(
    ...members: (string | { memberId: string; instanceId: string | null })[]
  ): readonly number[] {
    const { codes, effects } = this.group.leave(
      members.map((one) => (typeof one === 'string' ? { memberId: one, instanceId: null } : one)),
      this.at,
    )
    this.apply(effects)
    return codes
  }

  /** Lets time pass, doing everything that falls due on the way at its own moment. */
  pass(ms: number): void {
    const end = this.nowMs + ms
    for (;;) {
      const next = this.group.earliestMs
      if (next > end) break
      this.nowMs = Math.max(this.nowMs, next)
      this.apply(this.group.expire(this.at))
    }
    this.nowMs = end
  }

  /** A stable group of `count` dynamic members; returns their ids, the leader first. */
  stable(count: number, options: JoinOptions = {}): string[] {
    const tickets = Array.from({ length: count }, () => this.join(options))
    this.pass(this.limits.initialDelayMs)
    const replies = tickets.map((ticket) => this.joined(ticket))
    const generation = this.group.generation
    const leader = replies[0]?.leader ?? ''
    const ids = replies.map((reply) => reply.memberId)
    const assignments = Object.fromEntries(ids.map((id) => [id, `to-${id}`]))
    for (const id of ids) if (id !== leader) this.sync(id, generation)
    this.sync(leader, generation, { assignments })
    expect(this.group.state).toBe('Stable')
    return [leader, ...ids.filter((id) => id !== leader)]
  }
}
