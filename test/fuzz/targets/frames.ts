// Fuzz target: a connection's bytes in pieces of any size. The first four bytes choose the pieces
// and where the consumer stops; the rest is the stream. Oracle: the frames handed out are exactly
// those that a reader of the whole stream finds, a bad length is refused where it stands, and all
// memory goes back.
import { FormatError } from '../../../src/base/errors.ts'
import { Prng } from '../../../src/base/prng.ts'
import { Writer } from '../../../src/base/writer.ts'
import { FrameInput } from '../../../src/broker/kafka/frame-input.ts'
import { FrameMemory } from '../../../src/broker/kafka/frame-memory.ts'

export const name = 'frames'

const FRAME_BYTES_MAX = 6_000

/** Streams of a few frames, whole and cut short. */
export function seeds(): Uint8Array[] {
  return [[], [0], [5, 0, 9], [4_096, 1], [5_999, 3, 200]].map((sizes, i) => {
    const to = new Writer()
    to.uint32(i)
    for (const size of sizes) {
      to.int32(size)
      to.raw(new Uint8Array(size).fill(size))
    }
    return to.copy()
  })
}

interface Cut {
  readonly frames: Uint8Array[]
  readonly refused: boolean
}

/** What a reader of the whole stream finds. */
function plainly(stream: Uint8Array): Cut {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length)
  const frames: Uint8Array[] = []
  for (let at = 0; at + 4 <= stream.length;) {
    const length = view.getInt32(at)
    if (length < 0 || length > FRAME_BYTES_MAX) return { frames, refused: true }
    if (at + 4 + length > stream.length) break
    frames.push(stream.slice(at + 4, at + 4 + length))
    at += 4 + length
  }
  return { frames, refused: false }
}

function inPieces(stream: Uint8Array, prng: Prng): Cut {
  const memory = new FrameMemory(1 << 20)
  const frames: Uint8Array[] = []
  const input = new FrameInput(memory, FRAME_BYTES_MAX, (bytes, at, end) => {
    frames.push(bytes.slice(at, end))
    return prng.chance(0.2) ? 'stop' : 'more'
  })
  try {
    for (let at = 0; at < stream.length;) {
      const target = prng.chance(0.5) ? input.target() : null
      const most = prng.chance(0.3) ? 3 : prng.chance(0.5) ? 100 : 9_000
      const count = Math.min(1 + prng.below(most), stream.length - at, target?.length ?? Infinity)
      const part = stream.subarray(at, at + count)
      if (target === null) input.push(part)
      else {
        target.set(part)
        input.push(target.subarray(0, count))
      }
      at += count
      while (input.stopped || input.starved) input.resume()
    }
    return { frames, refused: false }
  } catch (error) {
    if (error instanceof FormatError) return { frames, refused: true }
    throw error
  } finally {
    input.close()
  }
}

/** One input; throws only when an oracle is broken. */
export function run(bytes: Uint8Array): void {
  if (bytes.length < 4) return
  const seed = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  const stream = bytes.subarray(4)
  const expected = plainly(stream)
  const got = inPieces(stream, new Prng(seed))
  if (got.refused !== expected.refused) throw new Error('A bad length is judged differently')
  if (got.frames.length !== expected.frames.length) throw new Error('Frames are lost or made up')
  for (const [i, frame] of expected.frames.entries()) {
    if (Buffer.compare(frame, got.frames[i] as Uint8Array) !== 0) throw new Error('A frame differs')
  }
}
