// Fuzz target: record batches. Whatever the bytes, validation answers with a code, readers answer
// with records or a FormatError, and the two agree about what is well formed.
import { FormatError } from '../../../src/base/errors.ts'
import { crc32cRange } from '../../../src/base/crc32c.ts'
import { createCompression } from '../../../src/platform/compression.ts'
import { createCrypto } from '../../../src/platform/crypto.ts'
import { readEndTransaction } from '../../../src/record/control.ts'
import { Field, HEADER_BYTES, PREFIX_BYTES } from '../../../src/record/header.ts'
import { readBatch } from '../../../src/record/reader.ts'
import { BatchVerdict, validateBatch } from '../../../src/record/validate.ts'

export const name = 'record'

const tools = { crypto: createCrypto(), compression: createCompression() }
const LIMIT = 1 << 20
const rules = {
  maxBytes: LIMIT,
  decompressedMax: LIMIT,
  compacted: true,
  timestampType: 'create',
  beforeMaxMs: Infinity,
  afterMaxMs: Infinity,
  nowMs: 0,
  produceVersion: 13,
} as const

/** One input: as it is, and again with length, magic and checksum made right. */
export function run(bytes: Uint8Array): void {
  judge(bytes)
  if (bytes.length < HEADER_BYTES) return
  const repaired = Uint8Array.from(bytes)
  const view = new DataView(repaired.buffer)
  view.setBigInt64(Field.baseOffset, 0n)
  view.setInt32(Field.length, repaired.length - PREFIX_BYTES)
  view.setInt8(Field.magic, 2)
  view.setUint32(Field.crc, crc32cRange(repaired, Field.attributes, repaired.length))
  judge(repaired)
}

function judge(bytes: Uint8Array): void {
  const verdict = new BatchVerdict()
  const accepted = validateBatch(bytes, rules, tools, verdict)
  if (accepted !== (verdict.code === 0)) throw new Error('Answer and code disagree')
  const read = readCount(bytes)
  if (accepted && read !== verdict.lastOffsetDelta + 1) throw new Error('Accepted but not read')
}

/** How many records a reader finds; -1 when it refuses. */
function readCount(bytes: Uint8Array): number {
  let count = 0
  try {
    const source = { compression: tools.compression, decompressedMax: LIMIT }
    for (const record of readBatch(bytes, 0, source)) {
      count++
      readEndTransactionOrRefuse(record)
    }
    return count
  } catch (error) {
    if (error instanceof FormatError) return -1
    throw error
  }
}

function readEndTransactionOrRefuse(record: Parameters<typeof readEndTransaction>[0]): void {
  try {
    readEndTransaction(record)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
  }
}
