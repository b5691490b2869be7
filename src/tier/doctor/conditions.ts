// Whether conditions are held: the tier has no other lock. Two leaders that do not know of each
// other must not both create an object, and must not both replace a manifest.
import { OperatingError } from '../../base/errors.ts'
import type { PutCondition, PutResult } from '../../ports/object-store.ts'
import type { Verdict } from './finding.ts'
import { patiently, timely, type Probed } from './patient.ts'

const CALL_MS = 30_000
const RACERS = 10

const ABSENT = { kind: 'absent' } as const

/** Whether only one of many creates an object. */
export async function checkCreates(probed: Probed): Promise<Verdict> {
  const key = `${probed.prefix}created`
  const { winners, rest } = await race(probed, key, ABSENT)
  if (winners.length !== 1) return raced('may only create', winners.length)
  if (!(await holds(probed, key, winners[0] ?? -1))) {
    return { verdict: 'no', text: 'the object that was created is not the one that is there' }
  }
  const again = await patiently(probed, CALL_MS, (call) =>
    probed.store.put(key, bodyOf(99), { condition: ABSENT, ...call }),
  )
  if (again.outcome === 'ok') return raced('may only create', 2)
  return { verdict: 'ok', text: `of ${RACERS} puts that may only create one came through${rest}` }
}

/** Whether only one of many replaces an object whose token it knows, and none with an old one. */
export async function checkSwaps(probed: Probed): Promise<Verdict> {
  const { store, prefix } = probed
  const key = `${prefix}swapped`
  const first = await patiently(probed, CALL_MS, (call) => store.put(key, bodyOf(50), call))
  if (first.outcome !== 'ok') return { verdict: 'no', text: 'a put without a condition is refused' }
  const condition = { kind: 'match', token: first.token } as const
  const { winners, rest } = await race(probed, key, condition)
  if (winners.length !== 1) return raced('have to match a token', winners.length)
  if (!(await holds(probed, key, winners[0] ?? -1))) {
    return { verdict: 'no', text: 'the object that was swapped in is not the one that is there' }
  }
  const stale = await patiently(probed, CALL_MS, (call) =>
    store.put(key, bodyOf(99), { condition, ...call }),
  )
  if (stale.outcome === 'ok') return raced('have to match a token', 2)
  const found = await patiently(probed, CALL_MS, (call) => store.head(key, call))
  const second = await patiently(probed, CALL_MS, (call) =>
    store.put(key, bodyOf(98), {
      condition: { kind: 'match', token: found?.token ?? '' },
      ...call,
    }),
  )
  if (second.outcome !== 'ok') {
    return { verdict: 'no', text: 'a put that matches the token of a head is refused' }
  }
  return { verdict: 'ok', text: `of ${RACERS} puts with the same token one came through${rest}` }
}

/** What tokens are like, and whether all ways of asking tell the same. */
export async function checkTokens(probed: Probed): Promise<Verdict> {
  const { store, prefix } = probed
  const key = `${prefix}token`
  const put = (): Promise<PutResult> =>
    patiently(probed, CALL_MS, (call) => store.put(key, bodyOf(1), call))
  const [first, second] = [await put(), await put()]
  const head = await patiently(probed, CALL_MS, (call) => store.head(key, call))
  const got = await patiently(probed, CALL_MS, (call) => store.get(key, call))
  const page = await patiently(probed, CALL_MS, (call) =>
    store.list({ prefix: key, limit: 1, ...call }),
  )
  const [listed] = page.objects
  const tokens = [second.outcome === 'ok' ? second.token : '', head?.token, got?.token]
  const forms = new Set([...tokens, listed?.token ?? tokens[0]])
  if (forms.size !== 1) {
    const text = `put, head, get and list tell different tokens: ${[...forms].join(', ')}`
    return { verdict: 'no', text }
  }
  const same = first.outcome === 'ok' && first.token === tokens[0]
  const nature = same ? 'made of the bytes' : 'new with every put'
  return { verdict: 'ok', text: `tokens are ${nature}: ${String(tokens[0])}` }
}

/** Many puts at once under one condition: who came through, and who did not lose plainly. */
async function race(
  probed: Probed,
  key: string,
  condition: PutCondition,
): Promise<{ readonly winners: readonly number[]; readonly rest: string }> {
  let busy = 0
  const winners: number[] = []
  const racers = Array.from({ length: RACERS }, async (_, racer) => {
    try {
      const put = await timely(probed, CALL_MS, (call) =>
        probed.store.put(key, bodyOf(racer), { condition, ...call }),
      )
      if (put.outcome === 'ok') winners.push(racer)
    } catch (error) {
      if (!(error instanceof OperatingError && error.kind === 'retry')) throw error
      busy++
    }
  })
  for (const settled of await Promise.allSettled(racers)) {
    if (settled.status === 'rejected') throw settled.reason
  }
  return { winners, rest: busy === 0 ? '' : `; ${busy} of the others heard that it is busy` }
}

async function holds(probed: Probed, key: string, racer: number): Promise<boolean> {
  const got = await patiently(probed, CALL_MS, (call) => probed.store.get(key, call))
  return got?.bytes[0] === racer
}

const raced = (what: string, winners: number): Verdict => ({
  verdict: 'no',
  text:
    `${winners} of ${RACERS} puts that ${what} came through: the store does not hold ` +
    'conditions, and two brokers could overwrite each other; use another store or version',
})

const bodyOf = (racer: number): Uint8Array => new Uint8Array(64).fill(racer)
