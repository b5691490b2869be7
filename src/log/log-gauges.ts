// What a log store shows of itself as gauges, read when somebody asks.
import type { Telemetry } from '../ports/telemetry.ts'
import type { Arena } from './cache/arena.ts'
import type { Journal } from './journal/journal.ts'

/** The parts of a store that are looked at. */
export interface GaugedStore {
  readonly arena: Arena
  readonly journal: Journal
  /** The disk is full. */
  readonly full: boolean
  /** Partition logs that are open. */
  readonly openLogs: number
}

/** Registers the gauges of `store`. */
export function registerGauges(telemetry: Telemetry, store: GaugedStore): void {
  const gauge = (name: string, help: string, read: () => number): void =>
    telemetry.gauge(name, help, read)
  const { arena } = store
  gauge('stratalog_cache_used_bytes', 'Write cache in use.', () => arena.usedBytes)
  gauge('stratalog_cache_held_bytes', 'Write cache not evictable.', () => arena.heldBytes)
  gauge(
    'stratalog_journal_files_waiting',
    'Journal files that wait for a checkpoint.',
    () => store.journal.full.length,
  )
  gauge(
    'stratalog_journal_written_bytes',
    'Bytes written to the journal.',
    () => store.journal.bytesWritten,
  )
  gauge('stratalog_log_partitions', 'Partition logs open.', () => store.openLogs)
  gauge('stratalog_log_disk_full', '1 while the disk is too full for producers.', () =>
    store.full ? 1 : 0,
  )
}
