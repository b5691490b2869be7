// Just enough of Produce v7 for the bare server: where the one batch of a request lies, and an
// answer made once per connection and patched. Requests of another shape are refused, because a
// server that skipped work would be no limit of anything.
import { FormatError } from '../../base/errors.ts'

/** Bytes before the client id of a request: key, version, correlation id. */
const CLIENT_ID_AT = 8
const PRODUCE = 0
const VERSION = 7

/** Smallest record batch: its header, without records. */
const BATCH_BYTES_MIN = 61

/** Where things lie in one request, all relative to the frame behind its length prefix. */
export interface ProduceShape {
  readonly acksAt: number
  readonly topicAt: number
  readonly topicEnd: number
  readonly partitionAt: number
  readonly batchAt: number
}

/** Reads a frame of one topic, one partition, one batch; throws FormatError for any other. */
export function shapeOf(frame: DataView): ProduceShape {
  try {
    if (frame.getInt16(0) !== PRODUCE || frame.getInt16(2) !== VERSION) {
      throw new FormatError('The bare server takes Produce v7 only')
    }
    const acksAt = CLIENT_ID_AT + stringBytes(frame, CLIENT_ID_AT) + 2
    const topicsAt = acksAt + 2 + 4
    const topicAt = topicsAt + 4
    const topicEnd = topicAt + stringBytes(frame, topicAt)
    const partitionAt = topicEnd + 4
    const batchAt = partitionAt + 4 + 4
    const isSingle =
      frame.getInt16(acksAt - 2) === -1 &&
      frame.getInt32(topicsAt) === 1 &&
      frame.getInt32(topicEnd) === 1 &&
      frame.getInt32(batchAt - 4) === frame.byteLength - batchAt
    if (!isSingle || frame.byteLength - batchAt < BATCH_BYTES_MIN) {
      throw new FormatError('The bare server takes one batch of one partition a request')
    }
    return { acksAt, topicAt, topicEnd, partitionAt, batchAt }
  } catch (cause) {
    // The wall of this reader: a DataView complains of short frames with a RangeError.
    if (cause instanceof RangeError) throw new FormatError('A request ends early')
    throw cause
  }
}

function stringBytes(frame: DataView, at: number): number {
  return 2 + Math.max(0, frame.getInt16(at))
}

/** Where an answer to `shape` takes the correlation id and the partition. */
export interface AnswerTemplate {
  readonly bytes: Uint8Array
  readonly partitionAt: number
}

/** Answer positions: behind its length prefix lies the correlation id. */
export const ANSWER_CORRELATION_AT = 4

/** The answer to a request, length prefix included: no error, base offset 0. */
export function answerTo(frame: Uint8Array, shape: ProduceShape): AnswerTemplate {
  const topic = frame.subarray(shape.topicAt, shape.topicEnd)
  const partitionAt = 4 + 4 + 4 + topic.length + 4
  const bytes = new Uint8Array(partitionAt + 4 + 2 + 8 + 8 + 8 + 4)
  const view = new DataView(bytes.buffer)
  view.setInt32(0, bytes.length - 4)
  view.setInt32(8, 1)
  bytes.set(topic, 12)
  view.setInt32(partitionAt - 4, 1)
  view.setBigInt64(partitionAt + 14, -1n) // append time: that of the client
  return { bytes, partitionAt }
}
