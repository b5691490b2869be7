// What a broker does when nobody asks: opens the partitions that were there before this process,
// one after the other so that clients come first, then keeps all of them within their retention and
// lets go of what has not been read for a while.
import type { ClusterImage } from '../cluster/image.ts'
import { IdleSweeper } from '../log/retention/idle-sweeper.ts'
import type { SweptPartition } from '../log/retention/sweeper.ts'
import { RetentionSweeper } from '../log/retention/sweeper.ts'
import type { Clock } from '../ports/clock.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { Partitions } from './partitions.ts'

/** Background work of one broker. */
export class Upkeep {
  readonly #partitions: Partitions
  readonly #ports: { readonly clock: Clock; readonly telemetry: Telemetry }
  readonly #image: () => ClusterImage
  #sweepers: readonly { close(): Promise<void> }[] = []
  #closed = false

  constructor(
    partitions: Partitions,
    ports: { readonly clock: Clock; readonly telemetry: Telemetry },
    image: () => ClusterImage,
  ) {
    this.#partitions = partitions
    this.#ports = ports
    this.#image = image
  }

  /** Opens what is closed, then begins to sweep every `checkMs`. */
  async start(checkMs: number): Promise<void> {
    for (const topic of [...this.#image().allTopics()]) {
      for (const { index } of topic.partitions.values()) {
        if (this.#closed) return
        const entry = this.#partitions.byId(topic.id)
        if (entry !== null) await this.#partitions.lead(entry, index)
      }
    }
    if (this.#closed) return
    const { clock, telemetry } = this.#ports
    const { store } = this.#partitions
    const background = (name: string, work: Promise<void>): void => store.background(name, work)
    const partitions = (): Iterable<SweptPartition> => swept(this.#partitions)
    const sweeper = new RetentionSweeper({ clock, telemetry, background, partitions }, { checkMs })
    const idle = new IdleSweeper({ clock, background, logs: () => store.logs() })
    this.#sweepers = [sweeper, idle]
    sweeper.start()
    idle.start()
  }

  /** Begins nothing more and waits for what runs. */
  async close(): Promise<void> {
    this.#closed = true
    for (const sweeper of this.#sweepers) await sweeper.close()
  }
}

/** The partitions that are open, as retention looks after them. */
function* swept(partitions: Partitions): Generator<SweptPartition> {
  for (const leader of partitions.open()) {
    yield {
      log: leader.log,
      limit: () => leader.offsets.highWatermark,
      advance: (to) => leader.deleteRecords(to),
    }
  }
}
