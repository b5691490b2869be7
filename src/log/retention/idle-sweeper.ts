// Gives back what sealed segments hold and nobody uses: indexes in memory and open files. A million
// retained segments must cost no more than the few that are read. In bounded slices, like
// retention; a segment that is read again opens by itself.
import type { Clock } from '../../ports/clock.ts'
import type { PartitionLog } from '../partition-log.ts'
import type { Segment } from '../segment.ts'
import { Rounds } from './rounds.ts'

/** What an idle sweeper acts through. */
export interface IdleDeps {
  readonly clock: Clock
  /** The logs that are open; asked once a round. */
  logs(): Iterable<PartitionLog>
  /** Watches over a slice: LogStore.background. */
  background(name: string, work: Promise<void>): void
}

/** Most segments that one slice looks at. */
const SEGMENTS_PER_SLICE = 256

/** A file is closed when it was not read for one to two rounds. */
const ROUND_MS = 30_000
const PAUSE_MS = 20

/** Relaxes the sealed segments of all logs, again and again. */
export class IdleSweeper {
  readonly #deps: IdleDeps
  readonly #rounds: Rounds
  #walk: Iterator<Segment> | null = null

  constructor(deps: IdleDeps) {
    this.#deps = deps
    this.#rounds = new Rounds(
      deps.clock,
      {
        name: 'idle segments',
        everyMs: ROUND_MS,
        pauseMs: PAUSE_MS,
        background: (name, work) => deps.background(name, work),
      },
      () => this.#slice(),
    )
  }

  /** Begins the first round ROUND_MS from now. */
  start(): void {
    this.#rounds.start()
  }

  /** Relaxes no more; resolves when the running slice has ended. */
  close(): Promise<void> {
    return this.#rounds.close()
  }

  async #slice(): Promise<boolean> {
    this.#walk ??= sealedSegments([...this.#deps.logs()])
    for (let i = 0; i < SEGMENTS_PER_SLICE; i++) {
      const next = this.#walk.next()
      if (next.done === true) {
        this.#walk = null
        return false
      }
      await next.value.relax()
    }
    return true
  }
}

/** All but the active segments, of logs as they are when the walk comes to them. */
function* sealedSegments(logs: readonly PartitionLog[]): Generator<Segment, void, undefined> {
  for (const log of logs) {
    // Segments go from the front while this walks; whichever it misses it meets the next time.
    for (let i = 0; !log.closed && i + 1 < log.segments.length; i++) {
      const segment = log.segments[i]
      if (segment !== undefined) yield segment
    }
  }
}
