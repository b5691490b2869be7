// A store that is being looked at: an operation that the store is too busy for is asked again a
// few times, and one that gets no answer is given up. Unlike the tier's own layers it hedges
// nothing and hides nothing: what a probe sees is what the store did.
import { OperatingError } from '../../base/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ObjectStore, StoreCall } from '../../ports/object-store.ts'

const ATTEMPTS = 4
const PAUSE_MS = 250
const LIST_MS = 30_000
/** A probe writes far fewer; a store whose pages never end is not followed for ever. */
const KEYS_MAX = 1_000

/** What a probe works with. */
export interface Probed {
  readonly store: ObjectStore
  readonly clock: Clock
  /** Every key that is written begins like this, and nothing else does. */
  readonly prefix: string
  /** Unpredictable bytes. */
  randomBytes(count: number): Uint8Array
  /** Reads a URL as anybody would; absent where that cannot be tried. */
  readonly readUrl?: (
    url: string,
  ) => Promise<{ readonly status: number; readonly bytes: Uint8Array }>
  /** Aborted when nobody wants to know any more. */
  readonly stopped: AbortSignal
}

/** Runs `task` once, for at most `limitMs`; then it fails with `retry`. */
export async function timely<T>(
  { clock, stopped }: Pick<Probed, 'clock' | 'stopped'>,
  limitMs: number,
  task: (call: StoreCall) => Promise<T>,
): Promise<T> {
  const late = new AbortController()
  const cancel = clock.after(limitMs, () => late.abort())
  try {
    return await task({ signal: AbortSignal.any([late.signal, stopped]) })
  } catch (error) {
    if (!late.signal.aborted || stopped.aborted) throw error
    const seconds = String(limitMs / 1000)
    throw new OperatingError('retry', `The store did not answer within ${seconds} s`, error)
  } finally {
    cancel()
  }
}

/** The same, again after a pause while the store says that it is busy. */
export async function patiently<T>(
  probed: Pick<Probed, 'clock' | 'stopped'>,
  limitMs: number,
  task: (call: StoreCall) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await timely(probed, limitMs, task)
    } catch (error) {
      const isBusy = error instanceof OperatingError && error.kind === 'retry'
      if (!isBusy || attempt === ATTEMPTS || probed.stopped.aborted) throw error
    }
    await pause(probed.clock, PAUSE_MS * 2 ** attempt)
  }
}

/** Resolves after `delayMs`. */
export const pause = (clock: Clock, delayMs: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(delayMs, resolve)
  })

/** Every key below `prefix` in the order told, `limit` a page. */
export async function keysBelow(
  probed: Pick<Probed, 'store' | 'clock' | 'stopped'>,
  prefix: string,
  limit: number,
): Promise<string[]> {
  const keys: string[] = []
  let cursor: string | null = null
  do {
    const from: { cursor?: string } = cursor === null ? {} : { cursor }
    const page = await patiently(probed, LIST_MS, (call) =>
      probed.store.list({ prefix, limit, ...from, ...call }),
    )
    keys.push(...page.objects.map(({ key }) => key))
    cursor = page.next
  } while (cursor !== null && keys.length < KEYS_MAX)
  return keys
}
