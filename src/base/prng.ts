// Repeatable randomness: sfc32, Chris Doty-Humphrey's small fast counting generator, seeded through
// splitmix32 so that neighbouring seeds give unrelated streams. For simulations, jitter and
// sampling; never for secrets.

/** A stream of pseudo-random numbers that a seed repeats exactly, on every runtime. */
export class Prng {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** `seed` is any number; its low 53 bits count. */
  constructor(seed: number) {
    const mix = splitmix32((seed >>> 0) ^ Math.imul(Math.floor(seed / 4294967296), 0x9e3779b1))
    this.#a = mix()
    this.#b = mix()
    this.#c = mix()
    for (let i = 0; i < 12; i++) this.uint32()
  }

  /** The next 32 bits. */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum >>> 0
  }

  /** A float in [0, 1) with 32 random bits. */
  float(): number {
    return this.uint32() / 4294967296
  }

  /** An integer in [0, end). `end` is at least 1 and at most 2^32. */
  below(end: number): number {
    return Math.floor(this.float() * end)
  }

  /** An integer in [from, to). */
  between(from: number, to: number): number {
    return from + this.below(to - from)
  }

  /**
   * True in `probability` of all cases. Draws nothing for 0, so that a fault turned off shifts no
   * stream.
   */
  chance(probability: number): boolean {
    return probability > 0 && this.float() < probability
  }

  /** `count` random bytes. */
  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    for (let i = 0; i < count; i++) bytes[i] = this.uint32() >>> 24
    return bytes
  }

  /** A new stream that depends on this one's state, for a part that draws at a pace of its own. */
  fork(): Prng {
    return new Prng(this.uint32() * 2097152 + (this.uint32() >>> 11))
  }
}

const splitmix32 = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return mixed ^ (mixed >>> 15)
  }
}
