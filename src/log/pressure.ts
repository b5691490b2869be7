// When producers must wait: memory that cannot be evicted, or journal files that wait for a
// checkpoint, have become too many. Then open chunks of quiet partitions are flushed and let go,
// and whoever reads from producers stops until there is room again. It decides and asks; flushing
// is the segments' business, checkpoints the checkpointer's.
import type { Clock } from '../ports/clock.ts'
import type { Arena } from './cache/arena.ts'
import type { SegmentBytes } from './cache/segment-bytes.ts'

/** Where producers are held back and let go, as fractions of the cache that cannot be evicted. */
const PRESS_AT = 0.7
const RELIEVE_AT = 0.5
/** Making room stops here, so that it need not begin again at once. */
const ROOM_AT = 0.4
/** How long after a vain attempt to make room the next one begins. */
const PRESS_AGAIN_MS = 5

/** What pressure is made of, and what it may ask for. */
export interface PressureHost {
  readonly clock: Pick<Clock, 'after'>
  journalPressed(): boolean
  /** The store has failed or is closing: nothing is flushed any more. */
  stopped(): boolean
  /** Starts a checkpoint if none runs. */
  checkpoint(): void
  /** All open logs, whose active segments may hold memory. */
  logs(): Iterable<{ readonly active: { readonly bytes: SegmentBytes } }>
  /** Watches over work that nobody waits for. */
  background(name: string, work: Promise<void>): void
}

/** Whether producers must wait. */
export class Pressure {
  readonly #arena: Arena
  readonly #host: PressureHost
  #pressed = false
  #relief: (() => void)[] = []
  #makingRoom = false

  constructor(arena: Arena, host: PressureHost) {
    this.#arena = arena
    this.#host = host
  }

  /** Producers must wait. */
  get pressed(): boolean {
    return this.#pressed
  }

  /** Calls `run` once producers need not wait; at once if they need not now. */
  onRelief(run: () => void): void {
    if (this.#pressed) this.#relief.push(run)
    else run()
  }

  /** Looks again, at the cost of two comparisons while all is well. */
  updateIfHigh(): void {
    const { heldBytes, capacityBytes } = this.#arena
    if (heldBytes > capacityBytes * RELIEVE_AT || this.#host.journalPressed()) this.update()
  }

  /** Looks at memory and journal again. */
  update(): void {
    const { heldBytes, capacityBytes } = this.#arena
    const journalPressed = this.#host.journalPressed()
    if (heldBytes > capacityBytes * RELIEVE_AT) this.#makeRoom()
    if (journalPressed) this.#host.checkpoint()
    if (!this.#pressed) {
      this.#pressed = heldBytes > capacityBytes * PRESS_AT || journalPressed
      return
    }
    if (heldBytes > capacityBytes * RELIEVE_AT || journalPressed) return
    this.#pressed = false
    const waiting = this.#relief
    this.#relief = []
    for (const run of waiting) run()
  }

  /** Flushes open chunks so that they can be let go. */
  #makeRoom(): void {
    if (this.#makingRoom || this.#host.stopped()) return
    this.#makingRoom = true
    const work = this.#release().finally(() => {
      this.#makingRoom = false
      if (!this.#pressed || this.#host.stopped()) return
      if (this.#hasRoom) this.update()
      // Readers still hold what could go, or the journal is behind: look again a little later.
      else this.#host.clock.after(PRESS_AGAIN_MS, () => this.update())
    })
    this.#host.background('make room', work)
  }

  get #hasRoom(): boolean {
    return this.#arena.heldBytes < this.#arena.capacityBytes * ROOM_AT
  }

  /** Those whose memory holds nothing else go first. */
  async #release(): Promise<void> {
    const all = [...this.#host.logs()].map((log) => log.active.bytes)
    const segments = all.filter((bytes) => bytes.chunks.length > 0)
    segments.sort((a, b) => Number(a.chunks.length > 1) - Number(b.chunks.length > 1))
    for (const bytes of segments) {
      if (this.#hasRoom || this.#host.stopped()) return
      await bytes.flush()
      bytes.shrink()
    }
  }
}
