// How the rest of the program tells the world's failures apart. The outcome of one partition is a
// value with an error code, not an exception; `KafkaError` fails a whole request; an
// `OperatingError` says by its kind what its caller should do. `catch` lives at four walls only:
// connection, supervisor, adapter, main.

/** What the caller of a failed operation should do. */
export type OperatingErrorKind =
  | 'retry' // may succeed later, nothing was changed
  | 'fenced' // somebody newer has taken over: stop
  | 'corrupt' // bytes are not what was written: quarantine, repair, never overwrite
  | 'closed' // the thing is closing or closed
  | 'refused' // the request is wrong or not allowed: say so, do not retry
  | 'full' // no room: refuse writes, keep serving reads
  | 'absent' // the named thing does not exist
  | 'broken' // the device failed: its state is unknown, stop acknowledging

/** A failure of the world outside. Text: action, cause, value. Always carries its cause. */
export class OperatingError extends Error {
  override name = 'OperatingError'
  readonly kind: OperatingErrorKind
  /** What is wrong without whom it befell: the same for all who meet the same trouble. */
  readonly gist: string

  constructor(kind: OperatingErrorKind, message: string, cause?: unknown, gist: string = message) {
    super(message, cause === undefined ? undefined : { cause })
    this.kind = kind
    this.gist = gist
  }
}

/**
 * Bytes from outside that do not follow their format. The connection or file that sent them is at
 * fault.
 */
export class FormatError extends Error {
  override name = 'FormatError'
}

/** A request that fails as a whole with one of Kafka's error codes. */
export class KafkaError extends Error {
  override name = 'KafkaError'
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** A mistake in how the program was started or configured: one sentence, exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** What was caught, as an error: it nearly always is one. */
export const asError = (caught: unknown): Error =>
  caught instanceof Error ? caught : new Error(String(caught))

/** Whether something failed because what it needed was closed meanwhile. */
export const isClosed = (error: unknown): boolean =>
  error instanceof OperatingError && error.kind === 'closed'
