// Whether bytes come back as they went, whole and in ranges; whether listings are complete, in
// order and up to date; what the store's clock says; and two things that only some stores have.
import { OperatingError } from '../../base/errors.ts'
import type { Verdict } from './finding.ts'
import { keysBelow, patiently, pause, type Probed } from './patient.ts'

const CALL_MS = 30_000
const SIZE = 10_000
/** Names that sort differently by bytes than by folders or by letters. */
const NAMES = ['a-b', 'a.b', 'a/b', 'a0', 'a_b', 'b/00000000000000000042-7-q.seg', 'b0']
/** How far clocks may be apart, in ms: what S3's signatures allow. */
const CLOCKS_MS = 60_000
/** How long a listing is waited for, in ms. */
const STALE_MS = 10_000
const SIGNED_MS = 60_000

const RANGES: readonly (readonly [string, number, number])[] = [
  ['inside', 100, 200],
  ['at the start', 0, 1],
  ['cut at the end', SIZE - 10, SIZE + 500],
  ['behind the end', SIZE, SIZE + 1],
  ['far behind the end', 5 * SIZE, 6 * SIZE],
]

/** Whether an object comes back as it was put, whole and in ranges. */
export async function checkRead(probed: Probed): Promise<Verdict> {
  const { store, prefix } = probed
  const key = `${prefix}read`
  const body = probed.randomBytes(SIZE)
  const put = await patiently(probed, CALL_MS, (call) => store.put(key, body, call))
  if (put.outcome !== 'ok') return no('a put without a condition is refused')
  const got = await patiently(probed, CALL_MS, (call) => store.get(key, call))
  if (got === null) return no('what was put is not there; the store answered that it is')
  if (!same(got.bytes, body)) return no('the bytes that come back are not those that were put')
  const head = await patiently(probed, CALL_MS, (call) => store.head(key, call))
  if (head?.size !== SIZE) return no('a head tells another size than was put')
  for (const [name, from, to] of RANGES) {
    const range = { from, to }
    const part = await patiently(probed, CALL_MS, (call) => store.get(key, { range, ...call }))
    if (part === null || !same(part.bytes, body.subarray(from, to))) {
      return no(
        `a range ${name} comes back wrong; the store, or a proxy before it, cannot do ranges`,
      )
    }
  }
  const absent = await patiently(probed, CALL_MS, (call) => store.get(`${prefix}never-was`, call))
  if (absent !== null) return no('a key that was never put is there')
  const sums = put.checked ? 'the store compares checksums' : 'it compares no checksums'
  return ok(`bytes come back as they were put, ranges too; ${sums}`)
}

/** How far the store's clock is from ours. */
export async function checkStamp(probed: Probed): Promise<Verdict> {
  const { store, prefix, clock } = probed
  const key = `${prefix}stamp`
  await patiently(probed, CALL_MS, (call) => store.put(key, new Uint8Array(1), call))
  const now = clock.wallMs()
  const head = await patiently(probed, CALL_MS, (call) => store.head(key, call))
  const stamp = head?.modifiedMs ?? -1
  if (stamp < 0) return warn('the store does not tell when an object was written')
  const apartMs = stamp - now
  const place = apartMs < 0 ? 'behind' : 'ahead of'
  const text = `its clock is ${durationOf(Math.abs(apartMs))} ${place} ours`
  if (Math.abs(apartMs) <= CLOCKS_MS) return ok(text)
  return warn(`${text}; set ours right: signatures are refused, and grace periods end too soon`)
}

/** Whether listings are complete, in order, and show at once what was put and deleted. */
export async function checkList(probed: Probed): Promise<Verdict> {
  const { store, prefix, clock } = probed
  const below = `${prefix}list/`
  const keys = NAMES.map((name) => below + name)
  for (const key of keys) {
    await patiently(probed, CALL_MS, (call) => store.put(key, new Uint8Array(7), call))
  }
  const shows = async (wanted: readonly string[]): Promise<number> => {
    const begun = clock.monotonicMs()
    for (;;) {
      const seen = await keysBelow(probed, below, 1_000)
      const waitedMs = clock.monotonicMs() - begun
      if (same(seen.toSorted(), wanted))
        return seen.length > 0 && !same(seen, wanted) ? -1 : waitedMs
      if (waitedMs > STALE_MS) return Infinity
      await pause(clock, 200)
    }
  }
  const [first = '', ...rest] = keys
  const putMs = await shows(keys)
  if (putMs < 0)
    return no('listings are not in the order of bytes; the newest snapshot is not found')
  if (putMs === Infinity)
    return no('what was put is not listed within 10 s; restores would miss it')
  const paged = await keysBelow(probed, below, 3)
  if (!same(paged, keys)) return no('a listing of several pages loses or repeats keys')
  const deletedMs = (await isDeletable(probed, first)) ? await shows(rest) : 0
  if (deletedMs === Infinity) return warn('what was deleted is still listed after 10 s')
  const late = Math.max(putMs, deletedMs)
  if (late > 2_000) {
    return warn(`listings are ${durationOf(late)} late; a restore may miss the newest snapshot`)
  }
  return ok('in the order of bytes, page by page; puts and deletions show at once')
}

/** Deletes a key; no if that is not allowed, which another check tells. */
async function isDeletable(probed: Probed, key: string): Promise<boolean> {
  try {
    await patiently(probed, CALL_MS, (call) => probed.store.delete([key], call))
    return true
  } catch (error) {
    if (error instanceof OperatingError && error.kind === 'refused') return false
    throw error
  }
}

/** Whether uploads that nobody ended can be given up. */
export async function checkUploads(probed: Probed): Promise<Verdict> {
  const { store, prefix } = probed
  const drop = store.dropUploads?.bind(store)
  if (drop === undefined) return ok('the store forgets by itself what was never ended')
  try {
    await patiently(probed, CALL_MS, (call) => drop(prefix, 0, call))
  } catch (error) {
    if (!(error instanceof OperatingError) || probed.stopped.aborted) throw error
    return warn(`${error.message}; until then what a crash leaves behind costs money`)
  }
  return ok('what was begun and never ended can be found and given up')
}

/** Whether a URL can be signed, and reads. */
export async function checkUrl(probed: Probed): Promise<Verdict> {
  const { store, prefix, readUrl } = probed
  const sign = store.sign?.bind(store)
  if (sign === undefined) return ok('not with these credentials, or not here; nothing needs it')
  const key = `${prefix}signed`
  const body = probed.randomBytes(100)
  await patiently(probed, CALL_MS, (call) => store.put(key, body, call))
  try {
    const url = await sign(key, SIGNED_MS)
    if (readUrl === undefined) return ok('URLs are signed; whether they read was not tried')
    const { status, bytes } = await readUrl(url)
    if (status === 200 && same(bytes, body)) return ok('a signed URL reads without credentials')
    return warn(`a signed URL is answered with ${status}; look at the bucket's policy`)
  } catch (error) {
    if (!(error instanceof OperatingError) || probed.stopped.aborted) throw error
    return warn(error.message)
  }
}

const same = <T>(a: ArrayLike<T>, b: ArrayLike<T>): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** A duration as people say it. */
export function durationOf(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`
}

const ok = (text: string): Verdict => ({ verdict: 'ok', text })
const warn = (text: string): Verdict => ({ verdict: 'warn', text })
const no = (text: string): Verdict => ({ verdict: 'no', text })
