// The Kafka listener: accepts connections up to its limits, keeps the list of those that are open,
// and closes the ones that have been idle for too long or keep memory that others wait for.
import { OperatingError } from '../../base/errors.ts'
import type { Cancel, Clock } from '../../ports/clock.ts'
import type { Connection, ConnectionHandler, Listener, Network } from '../../ports/network.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { ConnectionHost, RequestSource } from './connection-host.ts'
import { KafkaConnection } from './connection.ts'

const SWEEP_MS = 1000
/** Time for clients to take their last answers when the broker closes. */
const DRAIN_MS = 2000

/** Limits of one listener. */
export interface ListenerLimits {
  readonly connectionsMax: number
  readonly connectionsPerIpMax: number
  /** -1 for never. */
  readonly idleMaxMs: number
}

type Paths = Pick<
  ConnectionHost,
  'produce' | 'fetch' | 'dispatch' | 'log' | 'frames' | 'answers' | 'limits'
>

/** Accepts Kafka clients. */
export class KafkaListener implements ConnectionHost {
  readonly clock: Clock
  readonly limits: ConnectionHost['limits']
  readonly frames: ConnectionHost['frames']
  readonly answers: ConnectionHost['answers']
  readonly log: ConnectionHost['log']
  readonly produce: ConnectionHost['produce']
  readonly fetch: ConnectionHost['fetch']
  readonly dispatch: ConnectionHost['dispatch']
  coarseNowMs: number
  #advertised: { readonly host: string; readonly port: number } = { host: '', port: 0 }
  readonly #telemetry: Telemetry
  readonly #accepts: ListenerLimits
  readonly #connections = new Map<number, KafkaConnection>()
  readonly #perIp = new Map<string, number>()
  #listener: Listener | null = null
  #nextId = 1
  #cancelSweep: Cancel = () => undefined
  #closing = false
  readonly #failures: { value: number }

  constructor(paths: Paths, clock: Clock, telemetry: Telemetry, accepts: ListenerLimits) {
    this.clock = clock
    this.coarseNowMs = clock.monotonicMs()
    this.limits = paths.limits
    this.frames = paths.frames
    this.answers = paths.answers
    this.log = paths.log
    this.produce = paths.produce
    this.fetch = paths.fetch
    this.dispatch = paths.dispatch
    this.#telemetry = telemetry
    this.#accepts = accepts
    this.#failures = telemetry.counter(
      'stratalog_connections_failed_total',
      'Connections closed because of what their client sent.',
    )
    telemetry.gauge(
      'stratalog_connections',
      'Open Kafka connections.',
      () => this.#connections.size,
    )
    telemetry.gauge(
      'stratalog_frames_partial_bytes',
      'Memory of partial frames.',
      () => this.frames.usedBytes,
    )
    telemetry.gauge(
      'stratalog_answers_fetched_bytes',
      'Records in answers on their way.',
      () => this.answers.usedBytes,
    )
    telemetry.gauge(
      'stratalog_answers_queued_bytes',
      'Bytes of answers that clients have not taken.',
      () => this.answers.queuedBytes,
    )
  }

  get advertised(): { readonly host: string; readonly port: number } {
    return this.#advertised
  }

  /** Binds the address; clients are accepted from now on. Returns what was bound. */
  async open(
    network: Network,
    address: { readonly host: string; readonly port: number },
    advertised: { readonly host: string; readonly port: number },
  ): Promise<{ readonly host: string; readonly port: number }> {
    const listener = await network.listen(address, (connection) => this.#accept(connection))
    this.#listener = listener
    const port = advertised.port === 0 ? listener.port : advertised.port
    this.#advertised = { host: advertised.host, port }
    this.#sweep()
    return { host: listener.host, port: listener.port }
  }

  #accept(connection: Connection): ConnectionHandler {
    const ip = connection.peer.slice(0, connection.peer.lastIndexOf(':'))
    const fromIp = this.#perIp.get(ip) ?? 0
    const full = this.#connections.size >= this.#accepts.connectionsMax
    if (full || fromIp >= this.#accepts.connectionsPerIpMax || this.#closing) {
      connection.destroy()
      return refused
    }
    this.#perIp.set(ip, fromIp + 1)
    const accepted = new KafkaConnection(this, connection, this.#nextId++)
    this.#connections.set(accepted.id, accepted)
    return accepted
  }

  closed(connection: RequestSource & { readonly peer: string }): void {
    this.#connections.delete(connection.id)
    const ip = connection.peer.slice(0, connection.peer.lastIndexOf(':'))
    const left = (this.#perIp.get(ip) ?? 1) - 1
    if (left > 0) this.#perIp.set(ip, left)
    else this.#perIp.delete(ip)
  }

  failed(connection: { readonly peer: string }, error: unknown, expected: boolean): void {
    this.#failures.value++
    const closed = error instanceof OperatingError && error.kind === 'closed'
    this.#telemetry.log(expected || closed ? 'debug' : 'error', 'connection failed', {
      peer: connection.peer,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
  }

  #sweep(): void {
    this.coarseNowMs = this.clock.monotonicMs()
    const { idleMaxMs } = this.#accepts
    for (const connection of this.#connections.values()) {
      if (connection.overdue(this.coarseNowMs, idleMaxMs)) connection.destroy()
    }
    this.#cancelSweep = this.clock.after(SWEEP_MS, () => this.#sweep())
  }

  /** Stops accepting; requests already read are answered, then connections are closed. */
  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    await this.#listener?.close()
    this.#cancelSweep()
    const until = this.clock.monotonicMs() + DRAIN_MS
    while (this.clock.monotonicMs() < until) {
      let busy = false
      for (const connection of this.#connections.values()) busy ||= !connection.idle
      if (!busy) break
      await new Promise<void>((resolve) => this.clock.after(20, resolve))
    }
    for (const connection of [...this.#connections.values()]) connection.destroy()
    await new Promise<void>((resolve) => this.clock.turn(resolve))
  }
}

const refused: ConnectionHandler = {
  onBytes: () => undefined,
  onDrain: () => undefined,
  onClose: () => undefined,
}
