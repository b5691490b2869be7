// What the controller's decisions have in common. A decision is pure: a request and an image in,
// log entries and an answer out. What settings mean is told to it by a policy, so that the metadata
// knows no setting by name.
import type { ConfigMap } from './image.ts'
import type { MetadataRecord, Quorum } from './records.ts'

/** Outcome for one resource: 0 and no message, or Kafka's error code and why. */
export interface Outcome {
  readonly code: number
  readonly message: string | null
}

/** Entries to propose, in order, each indivisible; and what to answer once they are applied. */
export interface Decision<Result> {
  readonly entries: readonly (readonly MetadataRecord[])[]
  readonly result: Result
}

/** A setting with the value a client gave. */
export interface ConfigEntry {
  readonly name: string
  readonly value: string | null
}

/** What the settings table tells the controller. All of it pure. */
export interface ControllerPolicy {
  /** A random UUID, new each time. */
  newTopicId(): string
  /** Partitions and replicas of a topic that asks for -1. */
  topicDefaults(): { readonly partitions: number; readonly replicas: number }
  /** What is wrong with all the settings of a topic that has `replicas` replicas, or null. */
  topicConfigFault(configs: ConfigMap, replicas: number): string | null
  /** What is wrong with the dynamic settings of a broker ("" for the defaults of all), or null. */
  brokerConfigFault(brokerId: string, configs: ConfigMap): string | null
  /** What appending to or subtracting from a list setting begins with; null if it is no list. */
  listDefault(owner: 'topic' | 'broker', name: string): string | null
  /** Write and seal quorum of a topic with these settings. */
  quorum(configs: ConfigMap, replicas: number): Quorum
}

/** Nothing went wrong. */
export const OK: Outcome = { code: 0, message: null }

/** Something did. */
export const refuse = (code: number, message: string): Outcome => ({ code, message })

/** Records one entry has at most where a change may be told in parts. */
export const ENTRY_RECORDS_MAX = 1000

/** Names that come more than once; in time that grows with their number, as clients choose it. */
export const repeated = (names: Iterable<string>): ReadonlySet<string> => {
  const seen = new Set<string>()
  const twice = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) twice.add(name)
    seen.add(name)
  }
  return twice
}

/** Cuts many independent records into entries of a bounded size. */
export const chunked = (
  records: readonly MetadataRecord[],
): readonly (readonly MetadataRecord[])[] => {
  const entries: (readonly MetadataRecord[])[] = []
  for (let at = 0; at < records.length; at += ENTRY_RECORDS_MAX) {
    entries.push(records.slice(at, at + ENTRY_RECORDS_MAX))
  }
  return entries
}
