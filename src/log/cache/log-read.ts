// What a read of a partition's log is asked for and gives back, whether the bytes come from the
// write cache or from a file. The memory behind the parts is borrowed: whoever gets a read must
// release it, once, when the bytes were sent or dropped.
import type { Offset } from '../../base/units.ts'

/** Whole batches, borrowed until `release`. */
export interface LogRead {
  readonly parts: readonly Uint8Array[]
  readonly bytes: number
  /** Exclusive end of the last batch; the offset asked for when there is none. */
  readonly nextOffset: Offset
  release(): void
}

/** How much a read may return. */
export interface ReadLimits {
  /** Exclusive bound of offsets: a batch boundary. */
  readonly end: Offset
  readonly maxBytes: number
  /** Return the first batch even if it is larger than `maxBytes`. */
  readonly atLeastOne: boolean
}
