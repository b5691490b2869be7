// Creates topics because somebody asked for them: user topics if that is switched on, and the
// topics the broker itself keeps. It runs in the background; whoever asked gets "unknown" and asks
// again. A topic that is being created is not created twice, and how many run at once is bounded.
import type { Controller } from '../cluster/controller.ts'
import type { NewTopic } from '../cluster/decide-topics.ts'
import { INTERNAL_TOPICS } from '../cluster/topic-name.ts'
import type { BrokerSettings } from '../config/broker-values.ts'

/** The topic that holds the offsets of groups. */
export const OFFSETS_TOPIC = '__consumer_offsets'

/** Topics in creation at once; what comes beyond is left to the client's next request. */
export const CREATIONS_MAX = 100

/** What creation needs. */
export interface TopicCreatorDeps {
  readonly controller: Pick<Controller, 'createTopics'>
  readonly settings: () => BrokerSettings
  readonly liveBrokers: () => number
  /** Takes charge of a promise: a failure is logged under this name, and stops nothing. */
  readonly background: (name: string, work: Promise<unknown>) => void
}

/** Creates topics in the background. */
export class TopicCreator {
  readonly #deps: TopicCreatorDeps
  readonly #pending = new Set<string>()

  constructor(deps: TopicCreatorDeps) {
    this.#deps = deps
  }

  /**
   * Begins to create the topics unless they are being created. Names must be legal; of the internal
   * topics only that of the offsets is made, since nothing keeps anything in the others.
   */
  create(names: readonly string[]): void {
    const wanted = names.filter(
      (name) => !this.#pending.has(name) && (name === OFFSETS_TOPIC || !INTERNAL_TOPICS.has(name)),
    )
    const begun = wanted.slice(0, Math.max(0, CREATIONS_MAX - this.#pending.size))
    if (begun.length === 0) return
    for (const name of begun) this.#pending.add(name)
    const topics = begun.map((name) => this.#spec(name))
    const work = this.#deps.controller.createTopics(topics, false).finally(() => {
      for (const name of begun) this.#pending.delete(name)
    })
    this.#deps.background('auto-create topics', work)
  }

  #spec(name: string): NewTopic {
    const defaults = { name, partitions: -1, replicas: -1, assignments: [], configs: [] }
    if (name !== OFFSETS_TOPIC) return defaults
    const settings = this.#deps.settings()
    return {
      ...defaults,
      partitions: settings.offsetsPartitions,
      replicas: Math.max(1, Math.min(settings.offsetsReplicas, this.#deps.liveBrokers())),
      configs: [
        { name: 'cleanup.policy', value: 'compact' },
        { name: 'compression.type', value: 'producer' },
        { name: 'segment.bytes', value: String(settings.offsetsSegmentBytes) },
        // Offsets are as durable as can be, whatever the defaults for users' topics.
        { name: 'ack.after', value: 'fsync' },
      ],
    }
  }
}
