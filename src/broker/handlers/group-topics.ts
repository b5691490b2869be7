// What the offset handlers ask of the cluster's metadata: which topics there are.

/** A topic as the metadata has it. */
export interface KnownTopic {
  readonly topic: string
  readonly topicId: string
  /** Partitions are numbered [0, partitions). */
  readonly partitions: number
}

/** Topics by name and by id; undefined when there is none. */
export interface TopicLookup {
  byName(topic: string): KnownTopic | undefined
  byId(topicId: string): KnownTopic | undefined
}

/** First version of OffsetCommit and OffsetFetch that names topics by id (KIP-848). */
export const TOPIC_IDS_FROM = 10
