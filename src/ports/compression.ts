// The four codecs of the record batch format, synchronous, with a bound on what may come out.
// Which library does the work is the platform's choice.

/** Codec numbers as in the low three bits of a batch's attributes. */
export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

/** A codec's name. */
export type Codec = (typeof CODECS)[number]

/** Compresses and decompresses the records section of a batch. */
export interface Compression {
  /**
   * Decompresses `bytes`. Throws FormatError when they are malformed or would give more than
   * `limit` bytes; never allocates more than `limit` plus 64 KiB. Snappy may be raw or
   * xerial-framed.
   */
  decompress(codec: Codec, bytes: Uint8Array, limit: number): Uint8Array
  /** Compresses `bytes`; snappy comes out xerial-framed as Java clients write it. */
  compress(codec: Codec, bytes: Uint8Array): Uint8Array
}
