// Batches for tests: builders with the platform's tools, hex, and generators of records.
import fc from 'fast-check'
import { crc32cRange } from '../../src/base/crc32c.ts'
import { createCompression } from '../../src/platform/compression.ts'
import { createCrypto } from '../../src/platform/crypto.ts'
import { buildBatch, type BatchOptions, type NewRecord } from '../../src/record/builder.ts'
import { Field } from '../../src/record/header.ts'
import { readBatch, type BatchRecord } from '../../src/record/reader.ts'
import type { RecordTools, SectionSource } from '../../src/record/section.ts'
import { BatchVerdict, validateBatch, type BatchRules } from '../../src/record/validate.ts'

export const tools: RecordTools = { crypto: createCrypto(), compression: createCompression() }
export const source: SectionSource = { compression: tools.compression, decompressedMax: 1 << 24 }

/** A moment, and rules that allow everything at it. */
export const NOW = 1_700_000_000_000
export const RULES: BatchRules = {
  maxBytes: 1_048_588,
  decompressedMax: 1 << 24,
  compacted: false,
  timestampType: 'create',
  beforeMaxMs: Infinity,
  afterMaxMs: 3_600_000,
  nowMs: NOW,
  produceVersion: 13,
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

export const build = (records: readonly NewRecord[], options: BatchOptions = {}): Uint8Array =>
  buildBatch(records, options, tools)

/** Records `count` long, a second apart, ending at NOW. */
export const plainRecords = (count: number): NewRecord[] =>
  Array.from({ length: count }, (_, i) => ({
    timestampMs: NOW - (count - 1 - i) * 1000,
    key: utf8(`key-${i}`),
    value: utf8(`value ${i} ${'x'.repeat(i % 90)}`),
  }))

/** The verdict on `bytes` under RULES with changes. */
export function judge(bytes: Uint8Array, changes: Partial<BatchRules> = {}): BatchVerdict {
  const verdict = new BatchVerdict()
  const accepted = validateBatch(bytes, { ...RULES, ...changes }, tools, verdict)
  if (accepted !== (verdict.code === 0)) throw new Error('Verdict and answer disagree')
  return verdict
}

/** `bytes` changed by `change` and with the right checksum again. */
export function altered(
  bytes: Uint8Array,
  change: (view: DataView, bytes: Uint8Array) => void,
): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const view = new DataView(copy.buffer)
  change(view, copy)
  view.setUint32(Field.crc, crc32cRange(copy, Field.attributes, copy.length))
  return copy
}

export const readAll = (bytes: Uint8Array): BatchRecord[] => [...readBatch(bytes, 0, source)]

const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 70 }), { nil: null })

/** Records with every kind of key, value, header and time. */
export const anyRecords: fc.Arbitrary<NewRecord[]> = fc.array(
  fc.record({
    timestampMs: fc.oneof(
      fc.constant(-1),
      fc.integer({ min: NOW - 100_000, max: NOW }),
      fc.nat(NOW),
    ),
    key: bytesOrNull,
    value: bytesOrNull,
    headers: fc.array(fc.record({ key: fc.uint8Array({ maxLength: 5 }), value: bytesOrNull }), {
      maxLength: 3,
    }),
  }),
  { minLength: 1, maxLength: 80 },
)
