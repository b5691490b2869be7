// What connections share: limits, memory for partial frames, and the paths their requests take.
import type { Reader } from '../../base/reader.ts'
import type { Clock } from '../../ports/clock.ts'
import type { RequestHeader } from '../../wire/headers.ts'
import type { FrameMemory } from './frame-memory.ts'
import type { RequestContext } from '../handler.ts'
import type { ResponseMemory } from './response-memory.ts'
import type { ResponseQueue, ResponseSlot } from './response-queue.ts'

/** Limits of one connection. */
export interface ConnectionLimits {
  /** Largest request frame, in bytes: `socket.request.max.bytes`. */
  readonly requestBytesMax: number
  /** Requests read and not yet answered before reading stops. */
  readonly requestsInFlightMax: number
  /** Bytes of answers that the client has not taken before reading stops; less when crowded. */
  readonly queuedBytesMax: number
}

/** Where a produce frame lies. */
export interface ProduceFrame {
  readonly bytes: Uint8Array
  /** Where the request header begins. */
  readonly at: number
  /** Where the body begins. */
  readonly body: number
  readonly end: number
  readonly version: number
  readonly correlationId: number
}

/** What the request paths see of a connection. */
export interface RequestSource {
  readonly id: number
  readonly responses: ResponseQueue
  readonly closed: boolean
  /** A slot of `responses` was filled. */
  answered(): void
  /** Closes once what was answered so far has been sent. */
  closeAfterAnswers(): void
}

/** What a connection asks of the broker. */
export interface ConnectionHost {
  readonly clock: Clock
  readonly limits: ConnectionLimits
  readonly frames: FrameMemory
  readonly answers: ResponseMemory
  /** Address of the listener as clients should reach it. */
  readonly advertised: { readonly host: string; readonly port: number }
  /** Monotonic time, renewed about once a second. */
  readonly coarseNowMs: number
  readonly log: { readonly pressed: boolean; onRelief(run: () => void): void }
  readonly produce: {
    /** Handles a produce frame; a promise when its partitions must be opened first. */
    handle(source: RequestSource, frame: ProduceFrame): Promise<unknown> | null
  }
  readonly fetch: {
    /** Handles a fetch; null when it was answered at once. */
    handle(
      source: RequestSource,
      slot: ResponseSlot,
      reader: Reader,
      context: RequestContext,
    ): Promise<void> | null
  }
  readonly dispatch: {
    /** Decodes and handles any other request; gives the whole frame of its answer. */
    handle(
      header: RequestHeader,
      frame: Uint8Array,
      reader: Reader,
      context: RequestContext,
    ): Uint8Array | Promise<Uint8Array>
  }
  /** The connection is gone. */
  closed(connection: RequestSource & { readonly peer: string }): void
  /** The connection failed; `expected` when its peer is to blame. */
  failed(connection: { readonly peer: string }, error: unknown, expected: boolean): void
}
