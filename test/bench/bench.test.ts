// The parts of the bench that a wrong figure could come from: what the generator sends, how it
// counts, what the bare server demands, how targets are judged. No speed is asserted here.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startBareServer } from '../../src/cli/limits/bare-server.ts'
import type { BareServer } from '../../src/cli/limits/bare-server.ts'
import { createNetwork } from '../../src/platform/network.ts'
import { BatchVerdict, validateBatch } from '../../src/record/validate.ts'
import { RULES, tools } from '../record/support.ts'
import { openLoadClient } from './load/client.ts'
import { encodeBatch, encodeProduce } from './load/frames.ts'
import { Histogram } from './load/histogram.ts'
import { LOAD_DEFAULTS, loadWords, parseLoadWords } from './load/options.ts'
import { runProduce } from './load/produce.ts'
import { exists } from './process.ts'
import { holds, markdown, median } from './report.ts'

const hasCompiler = process.platform === 'linux' && (await exists('cc', '--version'))

describe('the load generator', () => {
  test('sends batches that a broker accepts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(300), (records, bytes) => {
        const rules = { ...RULES, maxBytes: 1 << 20, nowMs: Date.now() }
        const verdict = new BatchVerdict()
        expect(validateBatch(encodeBatch({ records, bytes }), rules, tools, verdict)).toBe(true)
        expect(verdict.lastOffsetDelta).toBe(records - 1)
      }),
      { numRuns: 20 },
    )
  })

  test('understands the words that it is started with', () => {
    const options = {
      ...LOAD_DEFAULTS,
      port: 9092,
      topic: 'a',
      loop: true,
      maxBytes: 77,
      rate: 0.5,
    }
    expect(parseLoadWords(loadWords(options))).toEqual(options)
    expect(() => parseLoadWords(['--depth=deep'])).toThrow('--depth takes a number')
  })
})

describe('Histogram', () => {
  test('tells quantiles to within two percent, whoever counted', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.001, max: 1e5, noNaN: true }), { minLength: 1 }),
        (ms) => {
          const half = new Histogram()
          const whole = new Histogram()
          ms.forEach((one, index) => (index % 2 === 0 ? half : whole).add(one))
          whole.merge(half.toJSON())
          const sorted = [...ms].sort((a, b) => a - b)
          const exact = (sorted[Math.floor(sorted.length / 2)] ?? 0) * 1000
          expect(Math.abs(whole.quantileUs(0.5) - exact)).toBeLessThanOrEqual(exact * 0.02)
        },
      ),
    )
  })
})

describe('the bare server', () => {
  let directory = ''
  let server: BareServer | null = null
  const serve = async (ackAfter: 'write' | 'fsync'): Promise<number> => {
    const listen = { host: '127.0.0.1', port: 0 }
    server = await startBareServer({ directory, listen, ackAfter })
    return server.address.port
  }

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stratalog-bare-'))
  })
  afterEach(async () => {
    await server?.close()
    await rm(directory, { recursive: true, force: true })
  })

  test.each(['write', 'fsync'] as const)('answers every request after %s', async (ackAfter) => {
    const port = await serve(ackAfter)
    const load = { ...LOAD_DEFAULTS, port, connections: 3, partitions: 5, warmup: 0, seconds: 0.2 }
    // Each answer is checked for its order and its error by the generator.
    const share = { first: 0, count: 3, rate: 0 }
    const histogram = new Histogram()
    const produced = await runProduce(load, share, histogram)
    expect(produced.requests).toBeGreaterThan(24)
    expect(histogram.quantileUs(0.5)).toBeGreaterThan(0)
  })

  test.skipIf(!hasCompiler)('answers the native generator as well', async () => {
    const port = await serve('write')
    const client = await openLoadClient('native')
    const load = { port, connections: 3, depth: 2, records: 1, warmup: 0, seconds: 0.2 }
    const result = await client.run('produce', load)
    expect(result.requests_per_s).toBeGreaterThan(0)
    expect(result.max_us).toBeGreaterThanOrEqual(result.p50_us)
  })

  test('lets go of a peer whose batch fails its checksum', async () => {
    const port = await serve('write')
    const { bytes } = encodeProduce(LOAD_DEFAULTS, encodeBatch({ records: 2, bytes: 9 }))
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    const answered = await new Promise<boolean>((resolve, reject) => {
      const handler = {
        onBytes: () => resolve(true),
        onDrain: () => undefined,
        onClose: () => resolve(false),
      }
      const address = { host: '127.0.0.1', port }
      createNetwork()
        .connect(address, () => handler)
        .then((connection) => connection.write([bytes]), reject)
    })
    expect(answered).toBe(false)
  })
})

describe('the report', () => {
  test('judges targets on medians and names the missed ones', () => {
    expect(median([5, 1, 3])).toBe(3)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    const check = { what: 'of bare', value: 0.65, bound: 'least', limit: 0.7, unit: '%' } as const
    expect(holds(check)).toBe(false)
    expect(holds({ ...check, bound: 'most' })).toBe(true)
    const table = markdown([{ name: 'one-write', title: '16 KiB', figures: {}, checks: [check] }])
    expect(table).toContain('MISSED of bare 65 % (≥ 70 %)')
  })
})
