// What the tests of the metadata share: a policy as simple as can be, a cluster of given brokers,
// and a log that applies at once, or when it is told to.
import type { ControllerLog } from '../../src/cluster/controller.ts'
import type { ControllerPolicy, Decision } from '../../src/cluster/decision.ts'
import { applyEntry } from '../../src/cluster/image-apply.ts'
import { ClusterImage } from '../../src/cluster/image.ts'
import type { MetadataRecord } from '../../src/cluster/records.ts'
import { decodeEntry } from '../../src/cluster/records.ts'
import { setFenced, registerBroker } from '../../src/cluster/decide-brokers.ts'

/** A UUID that spells a number. */
export const uuid = (n: number): string =>
  `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`

/** A policy that knows `retention.ms` (an integer), `cleanup.policy` (a list) and `w`. */
export const testPolicy = (defaults = { partitions: 3, replicas: 1 }): ControllerPolicy => {
  let ids = 0
  return {
    newTopicId: () => uuid(++ids),
    topicDefaults: () => defaults,
    topicConfigFault: (configs) => {
      for (const [name, value] of configs) {
        if (!['retention.ms', 'cleanup.policy', 'w'].includes(name)) {
          return `Unknown topic config name: ${name}`
        }
        if (name === 'retention.ms' && !/^-?\d+$/.test(value)) return `${value} is not a number`
      }
      return null
    },
    brokerConfigFault: (_, configs) =>
      [...configs.keys()].every((name) => name === 'log.retention.ms') ? null : 'Not dynamic',
    listDefault: (_, name) => (name === 'cleanup.policy' ? 'delete' : null),
    quorum: (configs, replicas) => {
      const write = Math.min(replicas, Number(configs.get('w') ?? Math.floor(replicas / 2) + 1))
      return { write, seal: replicas - write + 1 }
    },
  }
}

/** The image after the entries of a decision. */
export const fold = (
  image: ClusterImage,
  entries: readonly (readonly MetadataRecord[])[],
): ClusterImage => {
  let next = image
  for (const records of entries) {
    next = applyEntry(next, records, { index: next.version + 1, term: 1 })
  }
  return next
}

/** What a decision answers, and the image after it. */
export const decided = <R>(
  image: ClusterImage,
  decision: Decision<R>,
): { image: ClusterImage; result: R } => ({
  image: fold(image, decision.entries),
  result: decision.result,
})

/** Registers and unfences a broker, as one that has just started. */
export const withBroker = (
  image: ClusterImage,
  id: number,
  incarnation = 1,
  rack: string | null = null,
): ClusterImage => {
  const endpoints = [{ listener: 'PLAINTEXT', host: `b${id}`, port: 9092 }]
  const { clusterId } = image
  const about = { id, clusterId, incarnation: uuid(incarnation), endpoints, rack, host: `h${id}` }
  const registered = decided(image, registerBroker(image, about))
  const { epoch } = registered.result
  return fold(registered.image, setFenced(registered.image, { id, epoch }, false).entries)
}

/** A formatted cluster of live brokers 1 to `count`. */
export const cluster = (count: number): ClusterImage => {
  let image = fold(ClusterImage.empty(), [[{ kind: 'cluster', clusterId: 'test', format: 1 }]])
  for (let id = 1; id <= count; id++) image = withBroker(image, id)
  return image
}

/** A log of one node: entries are applied by `settle`, in order, or at once. */
export class TestLog implements ControllerLog {
  current: ClusterImage
  term: number | null = 1
  readonly isManual: boolean
  readonly entries: Uint8Array[] = []
  readonly waiting: {
    entry: Uint8Array
    done: () => void
    fail: (e: Error) => void
  }[] = []

  constructor(image: ClusterImage, isManual = false) {
    this.current = image
    this.isManual = isManual
  }

  image(): ClusterImage {
    return this.current
  }

  leadingTerm(): number | null {
    return this.term
  }

  propose(entry: Uint8Array): Promise<void> {
    return new Promise((done, fail) => {
      this.waiting.push({ entry, done, fail })
      if (!this.isManual) this.settle()
    })
  }

  /** Applies the oldest proposal. */
  settle(): void {
    const next = this.waiting.shift()
    if (next === undefined) return
    this.entries.push(next.entry)
    this.current = fold(this.current, [decodeEntry(next.entry)])
    next.done()
  }
}
