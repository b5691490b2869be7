// Puts a segment and makes sure of it: under a condition, from bytes that are checked while the
// store takes them, and read back where the store has not compared them itself.
import { equalBytes } from '../../base/bytes.ts'
import { OperatingError } from '../../base/errors.ts'
import type { Pace } from '../../flow/pace.ts'
import type { Semaphore } from '../../flow/semaphore.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { ObjectSource, ObjectStore, PutCondition } from '../../ports/object-store.ts'
import { BLOCK_BYTES } from '../manifest/block-table.ts'
import { SharedSource } from '../store/attempt.ts'
import type { SegmentObject } from './segment-object.ts'

/** What a segment is put through. */
export interface PutDeps {
  readonly store: ObjectStore
  readonly crypto: Crypto
  /** Bounds how many objects of all partitions are on their way at the same time. */
  readonly slots: Semaphore
  /** Holds uploads up while producers wait; none does, if absent. */
  readonly pace?: Pace
}

/** How a segment is put. */
export interface PutSegment {
  readonly key: string
  readonly object: SegmentObject
  /** Where its bytes come from: `object` itself, if absent. */
  readonly source?: ObjectSource
  /** Create-only, if absent. */
  readonly condition?: PutCondition
}

/** Bytes that are read back at once. */
const READ_BACK_BYTES = 4 * BLOCK_BYTES

/**
 * Puts the bytes of a segment; its object is complete afterwards. An object that is there already
 * is read and compared like one that was put. Throws `retry` when the store has other bytes.
 */
export async function putSegment(deps: PutDeps, put: PutSegment): Promise<void> {
  const { key, object } = put
  const { store, crypto, slots } = deps
  const release = await slots.acquire(1)
  // A put may end while its source is still being read, and the file has to stay open for that.
  const source = new SharedSource(paced(put.source ?? object, deps.pace))
  try {
    const result = await store.put(key, source, { condition: put.condition ?? { kind: 'absent' } })
    await object.complete()
    // Nobody else draws this name: what is there already is what an attempt of ours has left.
    const isChecked = result.outcome === 'ok' && result.checked
    if (!isChecked) await readBack(store, crypto, key, object)
  } finally {
    await source.quiet()
    release()
  }
}

/** `source`, read at a pace. */
function paced(source: ObjectSource, pace: Pace | undefined): ObjectSource {
  if (pace === undefined) return source
  return {
    size: source.size,
    read: async (from, to) => {
      await pace.turn()
      return source.read(from, to)
    },
    recycle: (bytes) => source.recycle?.(bytes),
  }
}

/** Reads an object that the store has not checked, and compares every byte. */
async function readBack(
  store: ObjectStore,
  crypto: Crypto,
  key: string,
  object: SegmentObject,
): Promise<void> {
  const { dataLength } = object.footer
  const wrong = (): OperatingError =>
    new OperatingError('retry', `Cannot archive ${key}: the store has other bytes than were sent`)
  for (let from = 0; from < object.size; from += READ_BACK_BYTES) {
    const to = Math.min(from + READ_BACK_BYTES, object.size)
    const found = await store.get(key, { range: { from, to } })
    if (found?.bytes.length !== to - from) throw wrong()
    for (let at = from; at < Math.min(to, dataLength); at += BLOCK_BYTES) {
      const end = Math.min(at + BLOCK_BYTES, dataLength)
      const digest = await crypto.digest(found.bytes.subarray(at - from, end - from))
      if (!equalBytes(digest, object.hashOf(at / BLOCK_BYTES))) throw wrong()
    }
    if (to <= dataLength) continue
    const at = Math.max(from, dataLength)
    const sent = object.trailer.subarray(at - dataLength, to - dataLength)
    if (!equalBytes(found.bytes.subarray(at - from), sent)) throw wrong()
  }
}
