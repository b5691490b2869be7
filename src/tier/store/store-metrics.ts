// The metrics of all object stores of a program: what was asked of each, what came of it, how long
// it took, and for whom. One per program, because a gauge has one reader.
import { assert } from '../../base/assert.ts'
import { LATENCY_BUCKETS_S } from '../../ports/telemetry.ts'
import type { Counter, Histogram, Telemetry } from '../../ports/telemetry.ts'

/** Operations of the port that are requests to a store. */
export type StoreOperation = 'put' | 'get' | 'head' | 'list' | 'delete' | 'dropUploads'

/** The metrics of one store. */
export interface OneStoreMetrics {
  /** Requests by what came of them. */
  requests(operation: StoreOperation, outcome: string): Counter
  seconds(operation: StoreOperation): Histogram
  bytes(direction: 'up' | 'down'): Counter
  scopeRequests(scope: string, operation: StoreOperation): Counter
  scopeBytes(scope: string, direction: 'up' | 'down'): Counter
}

/** Registers metrics of stores by their names. */
export class StoreMetrics {
  readonly #telemetry: Telemetry
  readonly #running = new Map<string, () => number>()

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry
    telemetry.gauge(
      'stratalog_store_requests_running',
      'Requests to the object store that are not answered.',
      () => [...this.#running].map(([store, read]) => [{ store }, read()] as const),
    )
  }

  /** The metrics of the store called `store`; `running` tells its open requests. */
  of(store: string, running: () => number): OneStoreMetrics {
    assert(!this.#running.has(store), 'A store has a name of its own')
    this.#running.set(store, running)
    const telemetry = this.#telemetry
    return {
      requests: (operation, outcome) =>
        telemetry.counter(
          'stratalog_store_requests_total',
          'Requests to the object store, by what came of them.',
          { store, operation, outcome },
        ),
      seconds: (operation) =>
        telemetry.histogram(
          'stratalog_store_request_seconds',
          'Time from a request to the object store to its answer.',
          LATENCY_BUCKETS_S,
          { store, operation },
        ),
      bytes: (direction) =>
        telemetry.counter('stratalog_store_bytes_total', 'Bytes of objects sent and received.', {
          store,
          direction,
        }),
      scopeRequests: (scope, operation) =>
        telemetry.counter(
          'stratalog_store_scope_requests_total',
          'Requests to the object store, by the topic that they were for.',
          { store, scope, operation },
        ),
      scopeBytes: (scope, direction) =>
        telemetry.counter(
          'stratalog_store_scope_bytes_total',
          'Bytes of objects sent and received, by topic.',
          { store, scope, direction },
        ),
    }
  }
}
