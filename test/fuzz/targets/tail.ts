// Fuzz target: the sidecar of an active segment. Whatever its bytes, loading gives a checkpoint of
// no more data than there is, or a FormatError, and a checkpoint can be written behind what was
// loaded and is read back. Odd inputs have the checksum of every block made right first.
import { FormatError } from '../../../src/base/errors.ts'
import { offset } from '../../../src/base/units.ts'
import { SegmentTail } from '../../../src/log/segment/segment-tail.ts'
import { TAIL_HEADER_BYTES } from '../../../src/log/segment/tail-block.ts'
import { crypto, makeBatch, MemoryFile } from '../../log/batches.ts'
import { LIMITS, emptyParts, grow } from '../../log/segments.ts'

export const name = 'tail'

const OPTIONS = { crypto, baseOffset: offset(0), producerLimits: LIMITS, indexInterval: 1_500 }
const DATA_BYTES = 1 << 20

/** Files of one and of three checkpoints. */
export function seeds(): Uint8Array[] {
  return [1, 3].flatMap((blocks) => {
    const parts = emptyParts(0, OPTIONS.indexInterval)
    const file = new MemoryFile()
    const tail = SegmentTail.create(file, OPTIONS)
    let next = 0
    for (let i = 0; i < blocks; i++) {
      next = grow(parts, next, 4, 200).end
      tail.append(parts, i === 2 ? 'closed' : 'open')
    }
    return [0, 1].map((mode) => Uint8Array.from([mode, ...file.bytes]))
  })
}

/** One input; throws only when an oracle is broken. */
export async function run(bytes: Uint8Array): Promise<void> {
  const file = new MemoryFile(bytes.subarray(1))
  if ((bytes[0] ?? 0) % 2 === 1) repair(file.bytes)
  try {
    const { tail, checkpoint } = await SegmentTail.load(file, DATA_BYTES, OPTIONS)
    if (checkpoint === null) return
    const { builder } = checkpoint
    if (builder.dataLength > DATA_BYTES) throw new Error('A checkpoint is ahead of its data')
    const room = Number.MAX_SAFE_INTEGER - 10
    if (builder.endOffset > room || builder.endOffset >= 2 ** 32 - 10) return
    const batch = makeBatch({ base: builder.endOffset, size: 10 })
    builder.append(batch, 0, batch.length)
    tail.append(checkpoint, 'closed')
    const again = await SegmentTail.load(file, DATA_BYTES + batch.length, OPTIONS)
    if (again.checkpoint?.builder.dataLength !== builder.dataLength) {
      throw new Error('A checkpoint behind a loaded one is not read back')
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
  }
}

/** Makes the checksum of each block right that the lengths lead to. */
function repair(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at + TAIL_HEADER_BYTES <= bytes.length;) {
    view.setUint32(at, 0x53545442)
    view.setUint8(at + 4, 1 + (view.getUint8(at + 4) % 2))
    view.setUint8(at + 5, 1)
    const length = Math.min(view.getUint32(at + 8), bytes.length - at - TAIL_HEADER_BYTES)
    view.setUint32(at + 8, length)
    const block = bytes.subarray(at, at + TAIL_HEADER_BYTES + length)
    const head = crypto.crc32c(block.subarray(0, 12), at)
    view.setUint32(at + 12, crypto.crc32c(block.subarray(16), head))
    at += TAIL_HEADER_BYTES + length
  }
}
