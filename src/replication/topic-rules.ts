// What a topic's settings mean for the leader of one of its partitions, already parsed. Made from
// the topic's configuration by whoever wires the broker.
import type { Codec } from '../ports/compression.ts'
import type { BatchRules } from '../record/validate.ts'

/** The rules of one topic. `nowMs` and `produceVersion` are filled in for each append. */
export interface TopicRules extends BatchRules {
  /** `compression.type`: `producer` keeps what the client sent. */
  readonly compression: Codec | 'producer'
}
