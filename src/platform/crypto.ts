// Checksums, hashes and randomness of the process, by node:crypto and, for CRC-32C, a native
// add-on that uses the processor's instruction. The add-on may be missing (another platform, no
// npm); then plain JavaScript does all sums. It also does the short ones where the add-on is there:
// a native call costs 150-400 ns in Node, Deno and Bun, as much as 256 bytes in JavaScript.
import * as nodeCrypto from 'node:crypto'
import { createRequire } from 'node:module'
import { crc32c as crc32cInScript } from '../base/crc32c.ts'
import type { Crypto } from '../ports/crypto.ts'

/** Below this many bytes JavaScript is quicker than a native call. */
const NATIVE_BYTES_MIN = 256

type Crc32c = (bytes: Uint8Array, seed?: number) => number

/** The Crypto port on node:crypto. `native: false` does without the add-on, for tests. */
export function createCrypto(options: { readonly native?: boolean } = {}): Crypto {
  const native = options.native === false ? null : loadNative()
  return {
    crc32c: native === null ? crc32cInScript : mixed(native),
    sha256,
    digest: oneATurn(sha256),
    randomBytes: (count) => Uint8Array.from(nodeCrypto.randomBytes(count)),
    random: Math.random,
    uuid: nodeCrypto.randomUUID,
  }
}

/**
 * Hashes on this thread, one piece in each turn of the event loop. Another thread would have to be
 * given a copy: with the memory for it that costs twice the hash itself (0.7 against 1.2 ms a MiB).
 */
function oneATurn(sha256: Crypto['sha256']): Crypto['digest'] {
  let last: Promise<unknown> = Promise.resolve()
  return (bytes) => {
    const next = last.then(async () => {
      await new Promise((resolve) => setImmediate(resolve))
      return sha256(bytes)
    })
    last = next
    return next
  }
}

/** One call, where the runtime has it, is somewhat quicker for short input than a Hash object. */
const sha256: Crypto['sha256'] =
  typeof nodeCrypto.hash === 'function'
    ? (bytes) => Uint8Array.from(nodeCrypto.hash('sha256', bytes, 'buffer'))
    : (bytes) => Uint8Array.from(nodeCrypto.createHash('sha256').update(bytes).digest())

function mixed(native: Crc32c): Crc32c {
  return (bytes, seed = 0) =>
    bytes.length < NATIVE_BYTES_MIN ? crc32cInScript(bytes, seed) : native(bytes, seed)
}

/** The add-on's function if it loads and gives the check value of RFC 3720; else null. */
function loadNative(): Crc32c | null {
  try {
    const loaded: unknown = createRequire(import.meta.url)('@node-rs/crc32')
    if (typeof loaded !== 'object' || loaded === null || !('crc32c' in loaded)) return null
    if (typeof loaded.crc32c !== 'function') return null
    const crc32c = loaded.crc32c as Crc32c
    const check = crc32c(new TextEncoder().encode('56789'), crc32c(Uint8Array.of(49, 50, 51, 52)))
    return check === 0xe3069283 ? crc32c : null
  } catch {
    return null // absent or not for this platform: the wall where a missing add-on ends
  }
}
