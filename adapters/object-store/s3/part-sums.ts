// How an S3 store comes to check the parts of an upload. Every store compares the SHA-256 that a
// request is signed with, but making it costs three times as much as a CRC-32C, and holds the
// thread up for as long as the whole part takes. So where nobody can alter the bytes on their way,
// parts are sent with a signed CRC-32C in place of that hash. A store that has compared it says so;
// one that does not say so, or refuses, gets hashed bodies from then on.
import { base64 } from '../shared/http.ts'
import { AnswerError } from '../shared/failure.ts'
import type { Crc32c } from '../shared/native-crc32c.ts'

/** Bytes that are summed in one turn of the event loop. */
const TURN_BYTES = 1 << 20
const REFUSALS: readonly number[] = [400, 403, 405, 411, 501]

/** Whether what goes to `endpoint` is safe from others on its way; AWS's own, if absent, is. */
export function isSafeWay(endpoint: string | undefined): boolean {
  if (endpoint === undefined) return true
  const { protocol, hostname } = new URL(endpoint)
  return protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}

/** The sums of the parts of one store's uploads. */
export class PartSums {
  readonly #crc32c: Crc32c
  #isOn: boolean

  constructor(crc32c: Crc32c, isOn: boolean) {
    this.#crc32c = crc32c
    this.#isOn = isOn
  }

  /** The sum as S3 wants it: big-endian, in base64. */
  async of(bytes: Uint8Array): Promise<string> {
    let sum = 0
    for (let at = 0; at < bytes.length; at += TURN_BYTES) {
      if (at > 0) await new Promise((resolve) => setImmediate(resolve))
      sum = this.#crc32c(bytes.subarray(at, at + TURN_BYTES), sum)
    }
    const four = new Uint8Array(4)
    new DataView(four.buffer).setUint32(0, sum)
    return base64(four)
  }

  /**
   * What `summed` gives; where it says that the store has not compared the sum, or the store
   * refuses it, what `hashed` gives, now and from now on.
   */
  async send<T>(summed: () => Promise<T | null>, hashed: () => Promise<T>): Promise<T> {
    if (!this.#isOn) return hashed()
    try {
      const sent = await summed()
      if (sent !== null) return sent
    } catch (error) {
      if (!isRefusal(error)) throw error
    }
    const sent = await hashed()
    this.#isOn = false
    return sent
  }
}

/** A store that found another sum has compared it. */
const isRefusal = (error: unknown): boolean =>
  error instanceof AnswerError &&
  REFUSALS.includes(error.status) &&
  !/BadDigest|Checksum|Digest/i.test(error.code)
