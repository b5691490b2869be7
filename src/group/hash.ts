// Which partition of `__consumer_offsets` keeps a group: Kafka's own rule, so that every broker
// and every tool finds the same one.

/** Java's `String.hashCode` over UTF-16 code units, as a signed 32-bit number. */
export function javaHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

/** The partition, in [0, partitions), that keeps `groupId`. */
export const partitionFor = (groupId: string, partitions: number): number =>
  (javaHash(groupId) & 0x7fffffff) % partitions
