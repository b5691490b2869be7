// Which partition a record goes to. A key always goes to the same one, by the hash that the Java
// client uses, so that keys written here meet keys written there. Records without a key stay with
// one partition until its batch is full, then move on (KIP-480).

/** Chooses among `count` partitions. */
export class Partitioner {
  readonly #count: number
  #sticky = 0

  constructor(count: number) {
    this.#count = count
  }

  /** The partition of a record with this key. */
  choose(key: Uint8Array | null): number {
    if (key === null) return this.#sticky
    return (murmur2(key) & 0x7fffffff) % this.#count
  }

  /** A batch of `partition` is full: records without a key go elsewhere from now on. */
  moveOn(partition: number): void {
    if (partition === this.#sticky) this.#sticky = (this.#sticky + 1) % this.#count
  }
}

const SEED = 0x9747b28c
const MIX = 0x5bd1e995

/** MurmurHash2, 32 bits, with Kafka's seed. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length
  let hash = SEED ^ length
  const whole = length - (length % 4)
  for (let at = 0; at < whole; at += 4) {
    let word = wordAt(bytes, at, 4)
    word = Math.imul(word, MIX)
    word ^= word >>> 24
    hash = Math.imul(hash, MIX) ^ Math.imul(word, MIX)
  }
  if (length > whole) hash = Math.imul(hash ^ wordAt(bytes, whole, length - whole), MIX)
  hash = Math.imul(hash ^ (hash >>> 13), MIX)
  return hash ^ (hash >>> 15)
}

function wordAt(bytes: Uint8Array, at: number, count: number): number {
  let word = 0
  for (let i = 0; i < count; i++) word |= (bytes[at + i] as number) << (8 * i)
  return word
}
