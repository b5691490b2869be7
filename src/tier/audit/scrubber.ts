// Looks at everything that is archived, again and again and slowly: that each object is there with
// its size, and byte by byte that it is what was archived. Findings are counted by fault for
// whoever watches; orphans are removed in the end. A store that cannot be reached ends a round
// early, and says nothing of what it has.
import { OperatingError } from '../../base/errors.ts'
import { offset, type Offset } from '../../base/units.ts'
import { sleep } from '../../flow/backoff.ts'
import type { Cancel, Clock } from '../../ports/clock.ts'
import type { Counter, Telemetry } from '../../ports/telemetry.ts'
import type { SegmentEntry } from '../manifest/entry.ts'
import type { AuditFault, AuditFinding } from './audit-partition.ts'

/** What a look at the bytes of one segment has found. */
export interface AuditedBytes {
  readonly finding: AuditFinding | null
  readonly bytes: number
  readonly next: Offset
}

/** A partition's archive as the scrubber sees it. */
export interface ScrubbedArchive {
  /** For the log. */
  readonly name: string
  /** Everything that is wrong by names and sizes. */
  audit(segment: (entry: SegmentEntry) => void): AsyncIterable<AuditFinding>
  /**
   * Looks at the bytes of the segment that holds `at`: what is wrong with them, how many they are
   * and where the next segment begins. Null when there is no such segment.
   */
  auditBytes(at: Offset): Promise<AuditedBytes | null>
  /** Takes unnamed objects; returns how many were removed. */
  orphans(keys: readonly string[]): Promise<number>
  /** Takes an object that is missing or not what was archived: it may be elsewhere. */
  damaged?(key: string): void
}

/** What a scrubber acts through. */
export interface ScrubberDeps {
  readonly clock: Clock
  readonly telemetry: Telemetry
  /** Archives of this broker; asked once a round. */
  archives(): Iterable<ScrubbedArchive>
  background(name: string, work: Promise<void>): void
  /** Whether the log has been told of the same trouble. */
  isKnown(error: OperatingError): boolean
}

/** How fast a scrubber goes. */
export interface ScrubberOptions {
  /** From the end of a round to the beginning of the next, in ms. */
  readonly intervalMs: number
  /** Bytes of segments that are read in a second; 0 reads none. */
  readonly bytesPerSecond: number
}

const FAULTS: readonly AuditFault[] = ['missing', 'mismatched', 'orphaned', 'overlapping']
/** Segments of one partition whose bytes are looked at in one round; the next goes on behind. */
const SEGMENTS_PER_ROUND = 10_000

/** Scrubs the archives of one broker. */
export class Scrubber {
  readonly #deps: ScrubberDeps
  readonly #options: ScrubberOptions
  readonly #segments: Counter
  readonly #bytes: Counter
  readonly #removed: Counter
  readonly #rounds: Counter
  #found = new Map<AuditFault, number>()
  /** Where the last look at bytes has ended, by archive. */
  readonly #reached = new Map<string, Offset>()
  #cancel: Cancel = () => undefined
  #running: Promise<void> | null = null
  #closed = false

  constructor(deps: ScrubberDeps, options: ScrubberOptions) {
    this.#deps = deps
    this.#options = options
    const { telemetry } = deps
    this.#segments = telemetry.counter(
      'stratalog_tier_scrubbed_segments_total',
      'Archived segments of which every byte was verified.',
    )
    this.#bytes = telemetry.counter(
      'stratalog_tier_scrubbed_bytes_total',
      'Bytes of archived segments that were verified.',
    )
    this.#removed = telemetry.counter(
      'stratalog_tier_orphans_removed_total',
      'Objects that no manifest named and that were removed.',
    )
    this.#rounds = telemetry.counter(
      'stratalog_tier_scrub_rounds_total',
      'Times that all archives of this broker were looked at.',
    )
    telemetry.gauge(
      'stratalog_tier_scrub_findings',
      'Objects that were not as they should be in the last round, by fault.',
      () => FAULTS.map((fault) => [{ fault }, this.#found.get(fault) ?? 0] as const),
    )
  }

  /** Plans the first round. */
  start(): void {
    this.#plan()
  }

  /** Ends soon; resolves when nothing runs any more. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancel()
    await this.#running?.catch(() => undefined)
  }

  /** One round over all archives. */
  async round(): Promise<void> {
    const found = new Map<AuditFault, number>()
    for (const archive of this.#deps.archives()) {
      if (this.#closed) return
      try {
        await this.#scrub(archive, found)
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error
        if (!this.#deps.isKnown(error)) {
          // That a store is gone for a while is for those to say who need it now.
          const level = error.kind === 'retry' ? 'info' : 'warn'
          this.#deps.telemetry.log(level, 'cannot scrub', {
            archive: archive.name,
            reason: error.message,
          })
        }
        if (error.kind === 'retry') return
      }
    }
    this.#found = found
    this.#rounds.value++
  }

  #plan(): void {
    if (this.#closed) return
    this.#cancel = this.#deps.clock.after(this.#options.intervalMs, () => {
      this.#running = this.round().finally(() => this.#plan())
      this.#deps.background('scrub archives', this.#running)
    })
  }

  async #scrub(archive: ScrubbedArchive, found: Map<AuditFault, number>): Promise<void> {
    const orphans: string[] = []
    let first: Offset | null = null
    const audit = archive.audit((entry) => {
      first ??= entry.base
    })
    for await (const finding of audit) {
      if (finding.fault === 'orphaned') orphans.push(finding.key)
      this.#tell(archive, finding, found)
    }
    this.#removed.value += await archive.orphans(orphans)
    if (first !== null && this.#options.bytesPerSecond > 0) {
      await this.#scrubBytes(archive, first, found)
    }
  }

  /** Goes on where the last round ended, from the front again once it is through. */
  async #scrubBytes(
    archive: ScrubbedArchive,
    first: Offset,
    found: Map<AuditFault, number>,
  ): Promise<void> {
    const { clock } = this.#deps
    let at = offset(Math.max(this.#reached.get(archive.name) ?? 0, first))
    for (let count = 0; count < SEGMENTS_PER_ROUND && !this.#closed; count++) {
      const beganMs = clock.monotonicMs()
      const audited = await archive.auditBytes(at)
      if (audited === null) {
        this.#reached.delete(archive.name)
        return
      }
      const { finding, bytes, next } = audited
      if (finding !== null) this.#tell(archive, finding, found)
      this.#segments.value++
      this.#bytes.value += bytes
      at = next
      this.#reached.set(archive.name, at)
      await this.#pauseUntil(beganMs + (bytes / this.#options.bytesPerSecond) * 1000)
    }
  }

  #tell(archive: ScrubbedArchive, finding: AuditFinding, found: Map<AuditFault, number>): void {
    found.set(finding.fault, (found.get(finding.fault) ?? 0) + 1)
    const isDamage = finding.fault === 'missing' || finding.fault === 'mismatched'
    if (isDamage) archive.damaged?.(finding.key)
    // What an upload is about to name looks like an orphan for a moment.
    const level = finding.fault === 'orphaned' ? 'info' : 'error'
    this.#deps.telemetry.log(level, 'archive is not as it should be', {
      archive: archive.name,
      ...finding,
    })
  }

  async #pauseUntil(dueMs: number): Promise<void> {
    const { clock } = this.#deps
    while (!this.#closed && clock.monotonicMs() < dueMs) {
      await sleep(clock, Math.min(dueMs - clock.monotonicMs(), 1_000))
    }
  }
}
