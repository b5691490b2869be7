// What a log store is made with: the ports it acts through and its sizes. The values come from the
// settings; nothing here has a default.
import type { Clock } from '../ports/clock.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Disk } from '../ports/disk.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { JournalOptions } from './journal/journal.ts'

/** Sizes and reserves of a store. */
export interface LogStoreOptions {
  /** Memory of the write cache, in bytes. */
  readonly cacheBytes: number
  /** Memory for reads that the write cache does not have, in bytes. */
  readonly readCacheBytes: number
  /** Memory for indexes of sealed segments, in bytes. */
  readonly indexCacheBytes: number
  readonly journal: JournalOptions
  /** Below this much free disk, producers are refused. */
  readonly diskReserveBytes: number
}

/** The ports a store acts through. */
export interface LogStoreDeps {
  readonly disk: Disk
  readonly clock: Clock
  readonly crypto: Crypto
  readonly telemetry: Telemetry
}
