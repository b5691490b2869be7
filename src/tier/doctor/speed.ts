// How long requests take, and how fast bytes go: a large object in parts, as segments are, and many
// small requests one after the other. What is measured holds for now and from here.
import { MiB } from '../../base/units.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Verdict } from './finding.ts'
import { patiently, type Probed } from './patient.ts'

const LARGE_MS = 300_000
const CALL_MS = 30_000
/** Of the large object: in parts of 8 MiB, of which the last is no multiple of anything. */
const SIZE = 16 * MiB + 12_345
const REQUESTS = 20
/** Below that, in bytes a second, a segment of a GiB takes longer than most want to wait. */
const SLOW = 2 * MiB

/** Whether a large object goes up in parts and comes back, and how fast. */
export async function checkLarge(probed: Probed): Promise<Verdict> {
  const { store, prefix, clock } = probed
  const key = `${prefix}large`
  const body = largeBody(probed.randomBytes(MiB))
  const source = {
    size: SIZE,
    read: (from: number, to: number) => Promise.resolve(Uint8Array.from(body.subarray(from, to))),
  }
  const [, upMs] = await timed(clock, () =>
    patiently(probed, LARGE_MS, (call) => store.put(key, source, call)),
  )
  const head = await patiently(probed, CALL_MS, (call) => store.head(key, call))
  if (head?.size !== SIZE) return { verdict: 'no', text: 'an object of several parts is not whole' }
  const [got, downMs] = await timed(clock, () =>
    patiently(probed, LARGE_MS, (call) => store.get(key, call)),
  )
  if (got?.bytes.length !== SIZE || got.bytes.some((byte, i) => byte !== body[i])) {
    return { verdict: 'no', text: 'an object of several parts comes back altered' }
  }
  const [up, down] = [SIZE / (upMs / 1000), SIZE / (downMs / 1000)]
  const text = `16 MiB in parts: ${rateOf(up)} up, ${rateOf(down)} down`
  if (Math.min(up, down) >= SLOW) return { verdict: 'ok', text }
  return { verdict: 'warn', text: `${text}; an archive slower than its producers falls behind` }
}

/** How long small requests take. */
export async function checkLatency(probed: Probed): Promise<Verdict> {
  const { store, prefix, clock } = probed
  const body = probed.randomBytes(1024)
  const told: string[] = []
  const requests: Readonly<Record<string, (i: number) => Promise<unknown>>> = {
    put: (i: number) =>
      patiently(probed, CALL_MS, (call) => store.put(`${prefix}small/${i}`, body, call)),
    get: (i: number) =>
      patiently(probed, CALL_MS, (call) => store.get(`${prefix}small/${i}`, call)),
    list: () =>
      patiently(probed, CALL_MS, (call) =>
        store.list({ prefix: `${prefix}s`, limit: 50, ...call }),
      ),
  }
  for (const [name, request] of Object.entries(requests)) {
    const times: number[] = []
    for (let i = 0; i < REQUESTS; i++) times.push((await timed(clock, () => request(i)))[1])
    times.sort((a, b) => a - b)
    const at = (share: number): string => (times[Math.ceil(share * REQUESTS) - 1] ?? 0).toFixed(0)
    told.push(`${name} ${at(0.5)}/${at(0.95)}`)
  }
  return { verdict: 'ok', text: `p50/p95 in ms: ${told.join(', ')}` }
}

/** Every MiB begins with its number, so that a part in a wrong place does not pass. */
function largeBody(block: Uint8Array): Uint8Array {
  const body = new Uint8Array(SIZE)
  for (let at = 0; at < SIZE; at += MiB) {
    body.set(block.subarray(0, Math.min(MiB, SIZE - at)), at)
    body[at] = at / MiB
  }
  return body
}

async function timed<T>(clock: Clock, task: () => Promise<T>): Promise<readonly [T, number]> {
  const begun = clock.monotonicMs()
  const result = await task()
  return [result, Math.max(0.01, clock.monotonicMs() - begun)]
}

const rateOf = (rate: number): string => `${(rate / 1e6).toFixed(0)} MB/s`
