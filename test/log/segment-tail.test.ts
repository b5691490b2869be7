import { readFileSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../src/base/errors.ts'
import { offset } from '../../src/base/units.ts'
import { Writer } from '../../src/base/writer.ts'
import { scanBytes } from '../../src/log/segment/batch-scan.ts'
import { encodeProducers } from '../../src/log/state/producer-snapshot.ts'
import { sealTrailer } from '../../src/log/segment/sealed-segment.ts'
import {
  CHECKPOINT_BYTES,
  SegmentTail,
  type TailOptions,
} from '../../src/log/segment/segment-tail.ts'
import type { TailParts } from '../../src/log/segment/tail-block.ts'
import { crypto, flipped, joined, MemoryFile } from './batches.ts'
import { LIMITS, emptyParts, grow } from './segments.ts'

const INTERVAL = 1_500
const OPTIONS: TailOptions = {
  crypto,
  baseOffset: offset(0),
  producerLimits: LIMITS,
  indexInterval: INTERVAL,
}

/** All that a segment's parts say, comparable. */
function told(parts: TailParts): unknown {
  const producers = new Writer()
  encodeProducers(parts.producers, producers)
  const { builder } = parts
  builder.settle()
  return {
    state: [builder.endOffset, builder.dataLength, builder.batchCount, builder.recordCount],
    bounds: [builder.minTimestamp, builder.maxTimestamp, builder.maxEpoch],
    index: Uint8Array.from(builder.index.entryBytes()),
    aborted: [...parts.aborted.spans],
    lineage: parts.lineage.entries(),
    producers: producers.copy(),
  }
}

interface Written {
  readonly file: MemoryFile
  readonly data: Uint8Array
  readonly parts: TailParts
  /** After each block: the file's size, and what the parts said. */
  readonly blocks: readonly { readonly size: number; readonly said: unknown }[]
}

/** A segment with a checkpoint after each of `steps` appends of so many transactions. */
function written(steps: readonly number[], closed: boolean): Written {
  const parts = emptyParts(0, INTERVAL)
  const file = new MemoryFile()
  const tail = SegmentTail.create(file, OPTIONS)
  const batches: Uint8Array[] = []
  const blocks: { size: number; said: unknown }[] = []
  let next = 0
  steps.forEach((count, i) => {
    const grown = grow(parts, next, count, 300)
    batches.push(...grown.batches)
    next = grown.end
    tail.append(parts, closed && i === steps.length - 1 ? 'closed' : 'open')
    blocks.push({ size: file.bytes.length, said: told(parts) })
  })
  return { file, data: joined(batches), parts, blocks }
}

describe('SegmentTail.load()', () => {
  it('gives back what each checkpoint knew, and the segment can go on from there', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(12), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        async (steps, closed) => {
          const { file, data, blocks } = written(steps, closed)
          const { tail, checkpoint } = await SegmentTail.load(file, data.length, OPTIONS)
          if (checkpoint === null) throw new Error('no checkpoint')
          expect(checkpoint.closed).toBe(closed)
          expect(told(checkpoint)).toEqual(blocks.at(-1)?.said)
          grow(checkpoint, checkpoint.builder.endOffset, 7, 300)
          tail.append(checkpoint, 'open')
          const again = await SegmentTail.load(file, 1e9, OPTIONS)
          expect(again.checkpoint?.closed).toBe(false)
          if (again.checkpoint !== null) expect(told(again.checkpoint)).toEqual(told(checkpoint))
        },
      ),
      { numRuns: 40 },
    )
  })

  it('falls back to the last whole block at every cut, and cuts the rest off', async () => {
    const { file, data, blocks } = written([3, 4, 0, 5], true)
    for (let cut = 0; cut < file.bytes.length; cut++) {
      const torn = new MemoryFile(file.bytes.subarray(0, cut))
      const { tail, checkpoint } = await SegmentTail.load(torn, data.length, OPTIONS)
      const whole = blocks.filter((block) => block.size <= cut)
      if (checkpoint === null) expect(whole.length).toBe(0)
      else expect(told(checkpoint)).toEqual(whole.at(-1)?.said)
      expect(torn.bytes.length).toBe(whole.at(-1)?.size ?? 0)
      expect(checkpoint?.closed ?? false).toBe(false)
      expect(tail.dataLength).toBe(checkpoint?.builder.dataLength ?? 0)
    }
  })

  it('detects every single flipped bit', async () => {
    const { file, data, blocks } = written([2, 3], true)
    for (let bit = 0; bit < file.bytes.length * 8; bit++) {
      const damaged = new MemoryFile(flipped(file.bytes, bit))
      const { checkpoint } = await SegmentTail.load(damaged, data.length, OPTIONS)
      const first = bit >>> 3 < (blocks[0]?.size ?? 0)
      if (first) expect(checkpoint).toBe(null)
      else expect(checkpoint?.builder.dataLength).toBeLessThan(data.length)
    }
  })

  it('believes no checkpoint that goes beyond the data, nor one of another segment', async () => {
    const { file, data, blocks } = written([3, 4], true)
    const copy = new MemoryFile(file.bytes)
    const short = await SegmentTail.load(copy, data.length - 1, OPTIONS)
    expect(short.checkpoint === null ? null : told(short.checkpoint)).toEqual(blocks[0]?.said)
    const other = { ...OPTIONS, baseOffset: offset(3) }
    const alien = await SegmentTail.load(new MemoryFile(file.bytes), data.length, other)
    expect(alien.checkpoint).toBe(null)
  })

  it('believes no block that was moved', async () => {
    const { file, data, blocks } = written([3, 3], false)
    const moved = new MemoryFile(file.bytes.subarray(blocks[0]?.size))
    expect((await SegmentTail.load(moved, data.length, OPTIONS)).checkpoint).toBe(null)
  })

  it('throws nothing but FormatError when the CRC is right and the content lies', async () => {
    const { file, data } = written([4], false)
    await fc.assert(
      fc.asyncProperty(fc.nat(file.bytes.length - 1), fc.nat(255), async (at, value) => {
        const lying = Uint8Array.from(file.bytes)
        lying[at] = value
        const view = new DataView(lying.buffer)
        const crc = crypto.crc32c(lying.subarray(16), crypto.crc32c(lying.subarray(0, 12), 0))
        view.setUint32(12, crc)
        try {
          await SegmentTail.load(new MemoryFile(lying), data.length, OPTIONS)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it('is as it was when its format was fixed (golden bytes)', () => {
    const { file } = written([2, 1], true)
    const path = new URL('../golden/log/segment.tail', import.meta.url)
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, file.bytes)
    expect(Uint8Array.from(readFileSync(path))).toEqual(file.bytes)
  })
})

describe('SegmentTail', () => {
  it('truncate() goes back to a checkpoint from which a scan rebuilds the trailer', async () => {
    const { file, data, parts } = written([5, 5, 5], false)
    const { tail } = await SegmentTail.load(file, data.length, OPTIONS)
    const cut = data.length - 10
    await tail.truncate(cut)
    expect(tail.dataLength).toBeLessThan(cut)
    const { checkpoint } = await SegmentTail.load(file, cut, OPTIONS)
    if (checkpoint === null) throw new Error('no checkpoint')
    const { builder } = checkpoint
    const start = {
      from: builder.dataLength,
      nextOffset: builder.endOffset,
      epoch: builder.maxEpoch,
    }
    scanBytes(crypto, data, { ...start, to: data.length }, (bytes, at, length) => {
      builder.append(bytes, at, length)
    })
    expect(sealTrailer(crypto, { ...parts, builder })).toEqual(sealTrailer(crypto, parts))
  })

  it('due() once 16 MiB of data were added', () => {
    const tail = SegmentTail.create(new MemoryFile(), OPTIONS)
    expect(tail.due(CHECKPOINT_BYTES - 1)).toBe(false)
    expect(tail.due(CHECKPOINT_BYTES)).toBe(true)
  })
})
