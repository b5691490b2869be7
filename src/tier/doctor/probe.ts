// What a bucket really does, found out by doing it: every promise that the tier rests on is put to
// the test under a prefix of its own, which is emptied at the end. Documents and versions of
// servers are no proof; a proxy, a policy or an old server in between changes what holds.
//
// Each check is told as soon as it is done. One that fails ends none of the others, but for the
// first: without a bucket and credentials there is nothing to ask.
import { OperatingError } from '../../base/errors.ts'
import { checkList, checkRead, checkStamp, checkUrl, checkUploads } from './bytes.ts'
import { checkCreates, checkSwaps, checkTokens } from './conditions.ts'
import type { Finding, Verdict } from './finding.ts'
import { keysBelow, patiently, type Probed } from './patient.ts'
import { checkLarge, checkLatency } from './speed.ts'

/** One promise put to the test; what it throws is a `no`. */
type Check = (probed: Probed) => Promise<Verdict>

const CALL_MS = 30_000

const CHECKS: readonly (readonly [string, Check])[] = [
  ['put and read', checkRead],
  ['clock', checkStamp],
  ['create once', checkCreates],
  ['swap by token', checkSwaps],
  ['tokens', checkTokens],
  ['large object', checkLarge],
  ['list', checkList],
  ['delete', checkDelete],
  ['lost uploads', checkUploads],
  ['signed URL', checkUrl],
  ['latency', checkLatency],
]

/**
 * Puts a bucket to the test. What it wrote is removed at the end, also when it is stopped: then it
 * throws `closed` after that.
 */
export async function* probe(probed: Probed): AsyncGenerator<Finding, void, undefined> {
  const reached = await checked('bucket', checkBucket, probed)
  yield reached
  if (reached.verdict === 'no') return
  let left: number
  try {
    for (const [check, test] of CHECKS) yield await checked(check, test, probed)
  } finally {
    left = await swept(probed)
  }
  if (left === 0) return
  const where = `${probed.store.traits.url}/${probed.prefix}`
  const text = `what was written could not be removed: delete ${where} by other means`
  yield { check: 'cleaning up', verdict: 'warn', text }
}

async function checked(check: string, test: Check, probed: Probed): Promise<Finding> {
  try {
    return { check, ...(await test(probed)) }
  } catch (error) {
    if (probed.stopped.aborted || !(error instanceof OperatingError)) throw error
    return { check, verdict: 'no', text: error.message }
  }
}

/** Whether the credentials are good and the bucket is there. */
async function checkBucket(probed: Probed): Promise<Verdict> {
  const { store, prefix, clock } = probed
  const begun = clock.monotonicMs()
  await patiently(probed, CALL_MS, (call) => store.list({ prefix, limit: 1, ...call }))
  const ms = Math.round(clock.monotonicMs() - begun)
  return { verdict: 'ok', text: `${store.traits.url} answers, the first time after ${ms} ms` }
}

/** Whether an object can be deleted, and is gone then. */
async function checkDelete(probed: Probed): Promise<Verdict> {
  const { store, prefix } = probed
  const key = `${prefix}deleted`
  await patiently(probed, CALL_MS, (call) => store.put(key, new Uint8Array(16), call))
  try {
    await patiently(probed, CALL_MS, (call) => store.delete([key, `${key}-never-was`], call))
  } catch (error) {
    if (!(error instanceof OperatingError) || probed.stopped.aborted) throw error
    const text = `${error.message}; without it no retention is held and no topic goes`
    return { verdict: 'no', text }
  }
  if ((await patiently(probed, CALL_MS, (call) => store.head(key, call))) !== null) {
    const text = 'what was deleted is still there; look for a retention lock on the bucket'
    return { verdict: 'no', text }
  }
  return { verdict: 'ok', text: 'what is deleted is gone, what never was is no error' }
}

/** Removes all that was written; returns how many objects are left, -1 if that is not known. */
async function swept({ store, prefix, clock }: Probed): Promise<number> {
  // Whoever stops the probe wants its objects gone all the same.
  const unstoppable = { store, clock, stopped: new AbortController().signal }
  try {
    const keys = await keysBelow(unstoppable, prefix, 1_000)
    await patiently(unstoppable, CALL_MS, (call) => store.delete(keys, call))
    return (await keysBelow(unstoppable, prefix, 1_000)).length
  } catch {
    return -1
  }
}
