// Reads the topics out of a consumer's subscription, the member metadata of protocol type
// "consumer". Version 0 is a prefix of all later versions, so only that part is read. The
// coordinator needs the topics for two decisions only: which offsets may be deleted or may expire.
import { FormatError } from '../../base/errors.ts'
import { Reader } from '../../base/reader.ts'

/** The protocol type whose metadata this module understands. */
export const CONSUMER_PROTOCOL_TYPE = 'consumer'

const TOPICS_MAX = 1_000_000

/** The topics a subscription names; null when the bytes are not a subscription. */
export function subscribedTopics(metadata: Uint8Array): readonly string[] | null {
  // Checked by hand instead of caught: foreign bytes are ordinary here, not a failure.
  const reader = new Reader(metadata)
  if (reader.left < 6) return null
  if (reader.int16() < 0) return null
  const count = reader.int32()
  if (count < 0 || count > TOPICS_MAX || count * 2 > reader.left) return null
  const topics: string[] = []
  for (let i = 0; i < count; i++) {
    if (reader.left < 2) return null
    const length = reader.int16()
    if (length < 0 || length > reader.left) return null
    topics.push(reader.text(length))
  }
  return topics
}

/** Every topic that one of the subscriptions names; null when one of them cannot be read. */
export function unionOfTopics(subscriptions: Iterable<Uint8Array>): ReadonlySet<string> | null {
  const union = new Set<string>()
  for (const subscription of subscriptions) {
    const topics = subscribedTopics(subscription)
    if (topics === null) return null
    for (const topic of topics) union.add(topic)
  }
  return union
}

/** One topic with its partitions, as an assignment lists them. */
export interface AssignedTopic {
  readonly topic: string
  readonly partitions: readonly number[]
}

/**
 * The partitions of a consumer's assignment, for showing them; empty when there are none.
 * Throws FormatError on bytes that are no assignment.
 */
export function assignedPartitions(assignment: Uint8Array): readonly AssignedTopic[] {
  if (assignment.length === 0) return []
  const reader = new Reader(assignment)
  reader.int16()
  const count = reader.int32()
  if (count < 0 || count * 6 > reader.left) throw new FormatError('An assignment has a bad count')
  const topics: AssignedTopic[] = []
  for (let i = 0; i < count; i++) {
    const topic = reader.text(reader.int16())
    const size = reader.int32()
    if (size < 0 || size * 4 > reader.left) throw new FormatError('An assignment has a bad count')
    topics.push({ topic, partitions: Array.from({ length: size }, () => reader.int32()) })
  }
  return topics
}
