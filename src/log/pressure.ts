// When producers must wait: memory that cannot be evicted, or journal files that wait for a
// checkpoint, have become too many. Then open chunks of quiet partitions are flushed and let go,
// and whoever reads from producers stops until there is room again. It decides and asks; flushing
// is the segments' business, checkpoints the checkpointer's.
import type { Arena } from './cache/arena.ts'
import type { SegmentBytes } from './cache/segment-bytes.ts'

/** Where producers are held back and let go, as fractions of the cache that cannot be evicted. */
const PRESS_AT = 0.7
const RELIEVE_AT = 0.5
/** Making room stops here, so that it need not begin again at once. */
const ROOM_AT = 0.4

/** What pressure is made of, and what it may ask for. */
export interface PressureHost {
  journalPressed(): boolean
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
    if (this.#makingRoom) return
    this.#makingRoom = true
    const work = this.#release().then((released) => {
      this.#makingRoom = false
      // Without progress the next completed write looks again: never a loop of its own.
      if (this.#pressed && released > 0) this.update()
    })
    const done = work.finally(() => {
      this.#makingRoom = false
    })
    this.#host.background('make room', done)
  }

  async #release(): Promise<number> {
    let released = 0
    const segments = [...this.#host.logs()].map((log) => log.active.bytes)
    for (const bytes of segments) {
      if (this.#arena.heldBytes < this.#arena.capacityBytes * ROOM_AT) break
      if (bytes.chunks.length !== 1) continue
      await bytes.flush()
      if (bytes.shrink()) released++
    }
    return released
  }
}
