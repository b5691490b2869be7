// When to try again. Codes that pass by themselves, connections that break, and leaders that move
// are retried with growing pauses until a deadline; everything else is told at once. It knows
// nothing of what is tried.
import { ErrorCode } from '../../base/error-codes.ts'
import { KafkaError, OperatingError } from '../../base/errors.ts'

/** How long an act of the command line is retried. */
export const RETRY_MS = 30_000
const PAUSE_MS_MIN = 50
const PAUSE_MS_MAX = 1000

const retriable: ReadonlySet<number> = new Set([
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.BROKER_NOT_AVAILABLE,
  ErrorCode.REPLICA_NOT_AVAILABLE,
  ErrorCode.NETWORK_EXCEPTION,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.NOT_ENOUGH_REPLICAS,
  ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  ErrorCode.NOT_CONTROLLER,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.UNKNOWN_LEADER_EPOCH,
  ErrorCode.OFFSET_NOT_AVAILABLE,
  ErrorCode.THROTTLING_QUOTA_EXCEEDED,
])

/** Whether the code says that the same request may succeed later. */
export const isRetriableCode = (code: number): boolean => retriable.has(code)

/** Whether an error says so. */
export function isRetriable(error: unknown): boolean {
  if (error instanceof KafkaError) return isRetriableCode(error.code)
  return error instanceof OperatingError && error.kind === 'retry'
}

/** Throws KafkaError unless `code` is 0. `act` is how the sentence begins: `Cannot do this`. */
export function check(code: number, act: string, message?: string | null): void {
  if (code === ErrorCode.NONE) return
  const why = message === null || message === undefined || message === '' ? '' : `: ${message}`
  throw new KafkaError(code, `${act}${why}`)
}

/** Runs `work` again while it fails retriably, until `RETRY_MS` have passed or `stopped` aborts. */
export async function retrying<Result>(
  stopped: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result> {
  const deadline = performance.now() + RETRY_MS
  for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)) {
    try {
      return await work()
    } catch (error) {
      if (!isRetriable(error) || stopped.aborted) throw error
      if (performance.now() + pauseMs > deadline) throw error
    }
    await pause(pauseMs, stopped)
  }
}

/** Waits; rejects with AbortError when `stopped` aborts. */
export function pause(ms: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(new DOMException('Stopped', 'AbortError'))
    }
    const timer = setTimeout(() => {
      stopped.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    if (stopped.aborted) onAbort()
    else stopped.addEventListener('abort', onAbort, { once: true })
  })
}
