// What a topic may be called. Metric systems turn '.' into '_', so two names that differ only in
// that would be one there: Kafka refuses the second, and so does this.

/** Characters a topic name has at most. */
export const TOPIC_NAME_LENGTH_MAX = 249

/** Topics that Kafka keeps for itself and shows as internal. */
export const INTERNAL_TOPICS: ReadonlySet<string> = new Set([
  '__consumer_offsets',
  '__transaction_state',
  '__share_group_state',
])

/** Kafka's own metadata topic: no client may create it. */
export const METADATA_TOPIC = '__cluster_metadata'

const LEGAL = /^[A-Za-z0-9._-]+$/

/** What is wrong with a topic name, or null: 1 to 249 of `[A-Za-z0-9._-]`, not "." or "..". */
export const topicNameFault = (name: string): string | null => {
  if (name === '') return "Topic name is illegal, it can't be empty"
  if (name === '.' || name === '..') return `Topic name cannot be "." or ".."`
  if (name.length > TOPIC_NAME_LENGTH_MAX) {
    return `Topic name is illegal, it can't be longer than ${TOPIC_NAME_LENGTH_MAX} characters`
  }
  if (!LEGAL.test(name)) {
    return `Topic name "${name}" is illegal: it may have ASCII alphanumerics, '.', '_' and '-' only`
  }
  return null
}

/** How a name reads where '.' and '_' are the same; null for a name that has neither. */
export const lookalike = (name: string): string | null =>
  name.includes('.') || name.includes('_') ? name.replaceAll('.', '_') : null
