// Mistakes that a life must bring to light, planted around the production code: in the store or the
// crypto that a process is given, in what retention and scrubber are told, or in a class for the
// time of one life. Each comes with the conditions under which it would do harm.
import { leaderEpoch, offset, type Offset } from '../../../src/base/units.ts'
import type { PartitionLog } from '../../../src/log/partition-log.ts'
import type { Crypto } from '../../../src/ports/crypto.ts'
import type {
  ObjectSource,
  ObjectStore,
  PutOptions,
  PutResult,
} from '../../../src/ports/object-store.ts'
import type { ScrubbedArchive } from '../../../src/tier/audit/scrubber.ts'
import { BLOCK_BYTES } from '../../../src/tier/manifest/block-table.ts'
import { decodeHead, encodeHead } from '../../../src/tier/manifest/head.ts'
import { archiveEnd } from '../../../src/tier/manifest/manifest.ts'
import type { PartitionTier } from '../../../src/tier/partition-tier.ts'
import { Blocks, placeKey, type SegmentPlace } from '../../../src/tier/read/blocks.ts'
import { ownBlock } from '../../../src/tier/read/read-memory.ts'
import { expiredTo } from '../../../src/tier/upload/expiry.ts'
import { Uploader } from '../../../src/tier/upload/uploader.ts'
import { crypto as real } from '../../log/batches.ts'
import type { Flaw } from './flaw.ts'

type Put = (key: string, body: Uint8Array | ObjectSource, options: PutOptions) => Promise<PutResult>

/** `store` with another way to put. */
const putting = (store: ObjectStore, put: Put): ObjectStore => ({
  traits: store.traits,
  put: (key, body, options = {}) => put(key, body, options),
  get: (key, options) => store.get(key, options),
  head: (key, call) => store.head(key, call),
  list: (options) => store.list(options),
  delete: (keys, call) => store.delete(keys, call),
  close: () => store.close(),
})

const isSegment = (key: string): boolean => key.endsWith('.seg')
const isHead = (key: string): boolean => key.endsWith('/head')

/** `log` with some of its properties answered by `answers`. */
const disguised = (
  log: PartitionLog,
  answers: Partial<Record<keyof PartitionLog, () => unknown>>,
): PartitionLog =>
  new Proxy(log, {
    get: (target, name) => {
      const answer = answers[name as keyof PartitionLog]
      if (answer !== undefined) return answer()
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value
    },
  })

/** Draws the same bytes whenever `count` are wanted. */
const stuck =
  (count: number) =>
  (crypto: Crypto): Crypto => ({
    ...crypto,
    randomBytes: (wanted) =>
      wanted === count ? new Uint8Array(count).fill(7) : crypto.randomBytes(wanted),
  })

const changes = (tier: PartitionTier, orphans: ScrubbedArchive['orphans']): ScrubbedArchive => ({
  name: tier.name,
  audit: (segment) => tier.audit(segment),
  auditBytes: (at) => tier.auditBytes(at),
  orphans,
})

const hasty = { graceMs: 300, scrubMs: 200, listLagMs: 0 }

/** Every mistake that the lives must find. */
export const FLAWS: readonly Flaw[] = [
  {
    name: 'the head is replaced before the data is put',
    store: (store, scheduler) =>
      putting(store, async (key, body, options) => {
        if (!isSegment(key)) return store.put(key, body, options)
        const bytes = body instanceof Uint8Array ? body : await body.read(0, body.size)
        const condition = options.condition
        scheduler.schedule(200, () => {
          store.put(key, bytes, condition === undefined ? {} : { condition }).catch(() => undefined)
        })
        return { outcome: 'ok', token: 'soon', checked: true }
      }),
  },
  {
    name: 'local bytes go before the head names them',
    shape: ({ log }) => ({
      log: { ...log, archive: { localRetentionBytes: 1, localRetentionMs: 1, lagMaxMs: 1_000 } },
      sweepMs: 200,
    }),
    archive: (tier, { leader }) => ({
      get archivedEnd(): Offset {
        return offset(leader.log.active.base)
      },
      expiredTo: (nowMs) => tier.expiredTo(nowMs),
    }),
  },
  {
    name: 'an orphan goes at first sight',
    shape: () => hasty,
    scrubbed: (tier, store) =>
      changes(tier, async (keys) => {
        await store.delete(keys)
        return keys.length
      }),
  },
  {
    name: 'orphans go without a replacement of the head',
    shape: () => ({
      ...hasty,
      upheaval: 30,
      slowMs: 25_000,
      rates: { slow: 0.4, late: 1, mute: 0.1 },
    }),
    scrubbed: (tier) => {
      const { archive } = tier
      const change = archive.change.bind(archive)
      archive.change = (apply) => {
        const { manifest } = archive
        const isSame = manifest !== null && apply(manifest) === manifest
        return isSame ? archive.refresh() : change(apply)
      }
      return tier
    },
  },
  {
    name: 'an upload that is under way counts as an orphan',
    shape: ({ rates }) => ({ ...hasty, slowMs: 20_000, rates: { ...rates, slow: 0.3 } }),
    plant: () => {
      const { isPending } = Uploader.prototype
      Uploader.prototype.isPending = () => false
      return () => {
        Uploader.prototype.isPending = isPending
      }
    },
  },
  { name: 'nothing waits for its grace', graceMs: 0, shape: () => ({ graceMs: 8_000 }) },
  {
    name: 'a head is put without a condition',
    shape: () => ({ upheaval: 12 }),
    store: (store) =>
      putting(store, (key, body, { condition, ...rest }) =>
        store.put(
          key,
          body,
          isHead(key) || condition === undefined ? rest : { ...rest, condition },
        ),
      ),
  },
  { name: 'objects have the same nonce again', crypto: stuck(8) },
  {
    name: 'a deposed leader ignores the fence',
    shape: () => ({ upheaval: 12 }),
    store: (store) => ({
      ...putting(store, (key, body, options) => store.put(key, body, options)),
      get: async (key, options) => {
        const found = await store.get(key, options)
        if (found === null || !isHead(key)) return found
        const head = decodeHead(real, found.bytes)
        return { ...found, bytes: encodeHead(real, { ...head, writerEpoch: leaderEpoch(0) }) }
      },
    }),
  },
  {
    name: 'the head starts where the log does not durably start yet',
    deletesLateMs: 2_000,
    log: (log, truth) =>
      disguised(log, {
        logStart: () => Math.max(log.logStart, Math.min(truth.asked, log.nextOffset)),
        advanceLogStart: () => () => Promise.resolve(),
      }),
  },
  {
    name: 'what is stored is not read back',
    shape: () => ({ checked: false, corrupts: 0.2 }),
    store: (store) =>
      putting(store, async (key, body, options) => {
        const result = await store.put(key, body, options)
        return isSegment(key) && result.outcome === 'ok' ? { ...result, checked: true } : result
      }),
  },
  {
    name: 'what exists already is taken for what was sent',
    shape: ({ rates }) => ({
      checked: false,
      corrupts: 0.3,
      rates: { ...rates, lost: 0.2 },
    }),
    store: (store) =>
      putting(store, async (key, body, options) => {
        const result = await store.put(key, body, options)
        const isOurs = isSegment(key) && result.outcome === 'exists'
        return isOurs ? { outcome: 'ok', token: 'ours', checked: true } : result
      }),
  },
  {
    name: 'a replacement of the head that was refused counts',
    shape: ({ rates }) => ({ upheaval: 12, rates: { ...rates, conflict: 0.2 } }),
    store: (store) =>
      putting(store, async (key, body, options) => {
        const result = await store.put(key, body, options)
        if (!isHead(key) || result.outcome === 'ok') return result
        const now = await store.head(key)
        return { outcome: 'ok', token: now?.token ?? 'none', checked: true }
      }),
  },
  {
    name: 'what is archived and here counts twice',
    shape: ({ log }) => ({
      log: {
        ...log,
        retentionBytes: 4_000,
        retentionMs: -1,
        archive: { localRetentionBytes: -1, localRetentionMs: -1, lagMaxMs: 1_000 },
      },
    }),
    archive: (tier, { leader: { log } }) => ({
      get archivedEnd(): Offset | null {
        return tier.archivedEnd
      },
      expiredTo: (nowMs) => {
        const { manifest } = tier
        if (manifest === null) return tier.expiredTo(nowMs)
        const { settings, segments, logStart } = log
        let twice = 0
        for (const { end, dataLength } of segments) {
          if (end <= archiveEnd(manifest)) twice += dataLength
        }
        const retentionBytes = Math.max(0, settings.retentionBytes - twice)
        const noPages = (): Promise<never> => Promise.reject(new Error('There are no pages'))
        const given = { retentionMs: -1, retentionBytes }
        return expiredTo(manifest, segments, given, nowMs, logStart, noPages)
      },
    }),
  },
  {
    name: 'archived blocks are not verified',
    shape: ({ log }) => ({
      rates: { flip: 0.2, truncate: 0.02 },
      cached: false,
      log: {
        ...log,
        retentionBytes: -1,
        retentionMs: -1,
        archive: { localRetentionBytes: 1, localRetentionMs: 1, lagMaxMs: 1_000 },
      },
    }),
    plant: () => {
      const { read } = Blocks.prototype
      Blocks.prototype.read = async (place: SegmentPlace, from, to) => {
        const range = { from: from * BLOCK_BYTES, to: Math.min(to * BLOCK_BYTES, sizeOf(place)) }
        const found = await place.store.get(placeKey(place), { range })
        return found === null ? [] : [ownBlock(found.bytes)]
      }
      return () => {
        Blocks.prototype.read = read
      }
    },
  },
  {
    name: 'what is not committed is archived',
    isLimitless: true,
    shape: () => ({ upheaval: 12 }),
  },
  {
    name: 'where the archive starts is nothing to the log',
    shape: ({ log }) => ({
      upheaval: 20,
      log: { ...log, retentionMs: -1, retentionBytes: 1_500, segmentBytes: 400 },
    }),
    log: (log) => disguised(log, { advanceLogStart: () => () => Promise.resolve() }),
  },
  {
    name: 'a restore leaves alone what has no head',
    skipsEmpty: true,
    shape: () => ({ upheaval: 20, restores: 60, partitions: 2 }),
  },
]

const sizeOf = ({ entry }: SegmentPlace): number => entry.dataLength
