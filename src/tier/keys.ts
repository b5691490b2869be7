// Where things lie in a bucket. Names of topics never appear in keys, only ids and numbers; what
// two writers could race for has the writer's epoch and a nonce in its key, so that nothing is ever
// overwritten. Two hex digits of the topic's id come first, to spread load over a store's ranges.
//
//   cluster.json                                      who the bucket belongs to
//   meta/<sequence>-<nonce>.snap                      metadata snapshots, the newest wins
//   gone/<topicId>                                    the topic was deleted, its objects go
//   <xx>/<topicId>/<partition>/head                   manifest, the only object that is replaced
//   <xx>/<topicId>/<partition>/page/<base>-<end>-<t0>-<t1>-<hash>
//   <xx>/<topicId>/<partition>/seg/<base>-<epoch>-<nonce>.seg
//
// Offsets have 20 digits, so that keys sort as they do.
import { offset, type Offset } from '../base/units.ts'

/** Key of the object that says whose bucket it is. */
export const CLUSTER_KEY = 'cluster.json'
/** What all metadata snapshots begin with. */
export const META_PREFIX = 'meta/'

/** What the markers of deleted topics begin with. */
export const GONE_PREFIX = 'gone/'

/** Key of the marker that says that a topic was deleted. */
export const goneKey = (topicId: string): string => `${GONE_PREFIX}${topicId}`

/** Which partition's objects are meant. */
export interface ArchiveIdentity {
  /** UUID text. */
  readonly topicId: string
  readonly partition: number
}

const padded = (value: number): string => String(value).padStart(20, '0')

/** What the keys of all objects of a topic begin with. */
export const topicPrefix = (topicId: string): string => `${topicId.substring(0, 2)}/${topicId}/`

/** What the keys of all objects of a partition begin with. */
export const partitionPrefix = ({ topicId, partition }: ArchiveIdentity): string =>
  `${topicPrefix(topicId)}${partition}/`

/** Key of a partition's manifest. */
export const headKey = (identity: ArchiveIdentity): string => `${partitionPrefix(identity)}head`

/** What names a spilled page: it holds the segments of `[base, end)`. */
export interface PageName {
  readonly base: Offset
  readonly end: Offset
  /** Span of its records' timestamps in ms. */
  readonly minTimestamp: number
  readonly maxTimestamp: number
  /** First bytes of the SHA-256 of its content, in hex. */
  readonly hash: string
}

/** Key of a page. */
export const pageKey = (identity: ArchiveIdentity, page: PageName): string =>
  `${partitionPrefix(identity)}page/${padded(page.base)}-${padded(page.end)}` +
  `-${Math.max(page.minTimestamp, 0)}-${Math.max(page.maxTimestamp, 0)}-${page.hash}`

/** What names a segment object. */
export interface SegmentName {
  readonly base: Offset
  /** Of the leader that wrote the object. */
  readonly epoch: number
  /** 16 hex digits, drawn anew for every object. */
  readonly nonce: string
}

/** Key of a segment object. */
export const segmentKey = (identity: ArchiveIdentity, name: SegmentName): string =>
  `${partitionPrefix(identity)}seg/${padded(name.base)}-${name.epoch}-${name.nonce}.seg`

/** What a key below a partition's prefix stands for; null when it is none of ours. */
export type ParsedKey =
  | { readonly kind: 'head'; readonly identity: ArchiveIdentity }
  | { readonly kind: 'page'; readonly identity: ArchiveIdentity }
  | { readonly kind: 'segment'; readonly identity: ArchiveIdentity; readonly name: SegmentName }

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
const KEY = new RegExp(`^[0-9a-f]{2}/(${UUID})/(\\d{1,10})/(head|page/.+|seg/.+)$`)
const SEGMENT = /^seg\/(\d{20})-(\d{1,10})-([0-9a-f]{16})\.seg$/

/** Reads a key. */
export function parseKey(key: string): ParsedKey | null {
  const match = KEY.exec(key)
  if (match === null) return null
  const [, topicId = '', partition = '', rest = ''] = match
  const identity = { topicId, partition: Number(partition) }
  if (!key.startsWith(partitionPrefix(identity))) return null
  if (rest === 'head') return { kind: 'head', identity }
  if (rest.startsWith('page/')) return { kind: 'page', identity }
  const segment = SEGMENT.exec(rest)
  if (segment === null) return null
  const [, base = '', epoch = '', nonce = ''] = segment
  const name = { base: offset(Number(base)), epoch: Number(epoch), nonce }
  return { kind: 'segment', identity, name }
}
