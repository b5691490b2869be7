// What a broker does when nobody asks: opens the partitions that were there before this process,
// one after the other so that clients come first, then keeps all of them within their retention,
// compacts those that ask for it and lets go of what has not been read for a while.
import type { ClusterImage } from '../cluster/image.ts'
import type { Settings } from '../config/settings.ts'
import type { CleanerTools } from '../log/compaction/cleaner.ts'
import type { CompactorOptions } from '../log/compaction/compactor.ts'
import { Compactor } from '../log/compaction/compactor.ts'
import { IdleSweeper } from '../log/retention/idle-sweeper.ts'
import type { SweptPartition } from '../log/retention/sweeper.ts'
import { RetentionSweeper } from '../log/retention/sweeper.ts'
import type { Clock } from '../ports/clock.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { Partitions } from './partitions.ts'

/** What upkeep acts through. */
export interface UpkeepPorts {
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly tools: CleanerTools
}

/** Background work of one broker. */
export class Upkeep {
  readonly #partitions: Partitions
  readonly #ports: UpkeepPorts
  readonly #image: () => ClusterImage
  #sweepers: readonly { close(): Promise<void> }[] = []
  #closed = false

  constructor(partitions: Partitions, ports: UpkeepPorts, image: () => ClusterImage) {
    this.#partitions = partitions
    this.#ports = ports
    this.#image = image
  }

  /** Opens what is closed, then begins to sweep and to compact as the settings say. */
  async start(settings: Settings): Promise<void> {
    for (const topic of [...this.#image().allTopics()]) {
      for (const { index } of topic.partitions.values()) {
        if (this.#closed) return
        const entry = this.#partitions.byId(topic.id)
        if (entry !== null) await this.#partitions.lead(entry, index)
      }
    }
    if (this.#closed) return
    const { clock, telemetry, tools } = this.#ports
    const checkMs = settings.broker.retentionCheckMs
    const { store } = this.#partitions
    const background = (name: string, work: Promise<void>): void => store.background(name, work)
    const partitions = (): Iterable<SweptPartition> => swept(this.#partitions)
    const sweeper = new RetentionSweeper({ clock, telemetry, background, partitions }, { checkMs })
    const idle = new IdleSweeper({ clock, background, logs: () => store.logs() })
    const compactor = new Compactor(
      { clock, telemetry, tools, background, partitions, isFull: () => store.full },
      compactorOptions(settings),
    )
    this.#sweepers = [sweeper, idle, compactor]
    sweeper.start()
    idle.start()
    if (settings.broker.isCompactionEnabled) compactor.start()
  }

  /** Begins nothing more and waits for what runs. */
  async close(): Promise<void> {
    this.#closed = true
    for (const sweeper of this.#sweepers) await sweeper.close()
  }
}

/** The settings as they are whenever the compactor asks: they may be altered while it runs. */
const compactorOptions = (settings: Settings): CompactorOptions => ({
  get backoffMs(): number {
    return settings.broker.compactionBackoffMs
  },
  get mapBytesMax(): number {
    return settings.broker.compactionMapBytesMax
  },
  get mapLoadFactor(): number {
    return settings.broker.compactionMapLoadFactor
  },
  get bytesPerSecondMax(): number {
    return settings.broker.compactionBytesPerSecondMax
  },
})

/** The partitions that are open, as retention looks after them. */
function* swept(partitions: Partitions): Generator<SweptPartition> {
  for (const leader of partitions.open()) {
    yield {
      log: leader.log,
      limit: () => leader.offsets.highWatermark,
      archive: leader.tier,
      advance: (to) => leader.deleteRecords(to),
    }
  }
}
