// Objects in a bucket, at byte height: whole objects are put under a condition, ranges are read,
// keys are listed and deleted. Nothing here knows what the bytes mean. One contract suite runs
// against every implementation.
//
// What a caller has to expect is a value: an object that is absent, a condition that did not hold.
// Everything else is an OperatingError: `retry` (the store is busy, gone or slow: the operation may
// or may not have happened), `refused` (credentials, permission, no such bucket: its message says
// what to do), `corrupt` (the bytes that came are not those that the store vouches for), `closed`
// (the caller's signal was aborted). Implementations do not retry by themselves; a decorator does.
//
// A put whose answer was lost may have happened. A repeat then reports `exists` or `conflict` for
// the caller's own success, so whoever puts conditionally writes a nonce, and reads before giving
// up.

/**
 * The version of an object as its store tells it: an ETag, a generation. Opaque, compared only for
 * equality, and only with one of the same store.
 */
export type ObjectToken = string

/** Under which condition a put may happen; none overwrites. */
export type PutCondition =
  { readonly kind: 'absent' } | { readonly kind: 'match'; readonly token: ObjectToken }

/**
 * Bytes that are put without being in memory as a whole. Each read begins at a multiple of
 * 1 MiB and has bytes of its own; reads may run side by side and be repeated, and begin in
 * ascending order the first time.
 */
export interface ObjectSource {
  readonly size: number
  /** Bytes `[from, to)`. */
  read(from: number, to: number): Promise<Uint8Array>
  /**
   * Takes back what a read gave, once nobody will look at it any more: only after a request with
   * it was answered. A store need not, and a source need not care.
   */
  recycle?(bytes: Uint8Array): void
}

/** How an operation may be ended early. */
export interface StoreCall {
  /** Aborted by a caller who no longer wants the result: it then fails with `closed`, soon. */
  readonly signal?: AbortSignal
}

/** How an object is put. */
export interface PutOptions extends StoreCall {
  readonly condition?: PutCondition
}

/**
 * What came of a put. `checked` tells that the store itself has compared the bytes with a checksum
 * that was made of them here, so that they need not be read back. `exists` answers a create-only
 * put, `conflict` one that had to match a token, whether or not the object is still there.
 */
export type PutResult =
  | { readonly outcome: 'ok'; readonly token: ObjectToken; readonly checked: boolean }
  | { readonly outcome: 'exists' | 'conflict' }

/** What is known of an object without its bytes. */
export interface ObjectInfo {
  /** In bytes. */
  readonly size: number
  readonly token: ObjectToken
  /** When it was written by the store's clock, in ms since 1970; -1 where that is not told. */
  readonly modifiedMs: number
}

/** An object, or a part of one. */
export interface ObjectBytes {
  /** The bytes asked for, as far as the object has them. They belong to the caller. */
  readonly bytes: Uint8Array
  readonly token: ObjectToken
}

/** Memory that is used again: given out, and given back once nobody looks at it any more. */
export interface ObjectMemory {
  /** So many bytes, of any content. */
  take(bytes: number): Uint8Array
  /** Takes back what `take` gave, or a view of it that begins where it does. */
  give(bytes: Uint8Array): void
}

/** How an object is read. */
export interface GetOptions extends StoreCall {
  /** Where the bytes may come to lie; they belong to the caller then as ever. */
  readonly memory?: ObjectMemory
  /**
   * Bytes `[from, to)`; the whole object if absent. A range that ends behind the object is cut
   * there, one that begins behind it is empty.
   */
  readonly range?: { readonly from: number; readonly to: number }
}

/** One line of a listing. */
export interface ListedObject extends ObjectInfo {
  readonly key: string
}

/** Which keys to list. */
export interface ListOptions extends StoreCall {
  /** Only keys that begin like this. */
  readonly prefix: string
  /** `next` of the page before. */
  readonly cursor?: string
  /** At most so many, 1 to 1,000. */
  readonly limit: number
}

/** A page of a listing, in ascending order of the keys' UTF-8 bytes. */
export interface ObjectPage {
  readonly objects: readonly ListedObject[]
  /** Where the next page begins; null when there is none. */
  readonly next: string | null
}

/** What an implementation can and cannot do. What a bucket really does is for `tier doctor`. */
export interface StoreTraits {
  readonly kind: 's3' | 'azure' | 'gcs' | 'r2' | 'file' | 'memory'
  /** Scheme, bucket and prefix, without any secret: for messages. */
  readonly url: string
  /** Whether create-only puts are refused by the store itself when there is an object. */
  readonly createsOnlyIfAbsent: boolean
  /** Whether puts that must match a token are. */
  readonly swapsByToken: boolean
  /** Least time between two writes of the same key that the store takes gladly, in ms; often 0. */
  readonly rewriteMs: number
}

/** One bucket, or a prefix in it. Keys are ASCII, with no `/` in front, no `.` and no `..`. */
export interface ObjectStore {
  readonly traits: StoreTraits
  /** Puts an object: all of it or nothing becomes visible. */
  put(key: string, body: Uint8Array | ObjectSource, options?: PutOptions): Promise<PutResult>
  /** Reads an object; null when there is none. */
  get(key: string, options?: GetOptions): Promise<ObjectBytes | null>
  /** What is known of an object; null when there is none. */
  head(key: string, call?: StoreCall): Promise<ObjectInfo | null>
  list(options: ListOptions): Promise<ObjectPage>
  /** Deletes objects; one that is absent is no error. */
  delete(keys: readonly string[], call?: StoreCall): Promise<void>
  /**
   * Gives up uploads below `prefix` that were begun before `beforeMs` and never ended; returns how
   * many. Absent where the store forgets them by itself.
   */
  dropUploads?(prefix: string, beforeMs: number, call?: StoreCall): Promise<number>
  /** A URL that reads `key` for `ttlMs` without credentials. Absent where there is none. */
  sign?(key: string, ttlMs: number): Promise<string>
  /** Ends what runs and closes connections. */
  close(): Promise<void>
}
