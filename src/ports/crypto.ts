// Checksums, hashes and randomness: the parts of the platform that are either fast in native code
// or must be taken over by the simulator.

/** Hashing and entropy of one process. */
export interface Crypto {
  /**
   * CRC-32C (Castagnoli) of `bytes`, continued from `seed` (the CRC so far; 0 to begin). Unsigned.
   */
  crc32c(bytes: Uint8Array, seed?: number): number
  /** SHA-256, 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array
  /**
   * The same of a large piece, such that clients hardly notice: a MiB takes most of a millisecond.
   * The bytes must not change until it settles.
   */
  digest(bytes: Uint8Array): Promise<Uint8Array>
  /** `count` unpredictable bytes. */
  randomBytes(count: number): Uint8Array
  /** A random float in [0, 1), for jitter: not for secrets. */
  random(): number
  /** A random (version 4) UUID as text `8-4-4-4-12`. */
  uuid(): string
}
