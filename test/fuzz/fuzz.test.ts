import { describe, expect, it } from 'vitest'
import { fuzz } from './engine.ts'
import type { FuzzTarget } from './engine.ts'
import { keptInputs, loadTargets } from './targets.ts'
import { crc32c } from '../../src/base/crc32c.ts'
import { FormatError } from '../../src/base/errors.ts'
import { Reader } from '../../src/base/reader.ts'

const targets = await loadTargets()

describe('fuzz()', () => {
  /** Wrong only behind four steps that only coverage leads to. */
  const planted: FuzzTarget = {
    name: 'planted',
    run: (bytes) => {
      try {
        const reader = new Reader(bytes)
        if (reader.int16() < 0 || reader.uvarint() < 3) return
        if (reader.bool()) crc32c(reader.raw(reader.uvarint()))
        if (reader.left > 0 && reader.varlong() < 0) throw new Error('planted')
      } catch (error) {
        if (!(error instanceof FormatError)) throw error
      }
    },
  }

  it('finds a planted fault, and repeats itself for the same seed', async () => {
    const limits = { seed: 3, executions: 6_000, seconds: 10 }
    const first = await fuzz(planted, limits)
    expect(first.findings.map((finding) => finding.kind)).toContain('exception')
    const again = await fuzz(planted, limits)
    expect(again.findings.length).toBe(first.findings.length)
  })

  it('finds an input that takes too long', async () => {
    const slow: FuzzTarget = {
      name: 'slow',
      run: (bytes) => {
        const until = performance.now() + 130
        if (bytes.length === 3) while (performance.now() < until) crc32c(bytes)
      },
    }
    const report = await fuzz(slow, { seed: 1, executions: 64, seconds: 10 }, [new Uint8Array(3)])
    expect(report.findings.map((finding) => finding.kind)).toEqual(['hang'])
  })
})

describe('a second of fuzzing finds nothing in', () => {
  it.each(targets.map((target) => [target.name, target] as const))('%s', async (name, target) => {
    const report = await fuzz(target, { seed: 1, executions: 20_000, seconds: 1 }, keptInputs(name))
    expect(report.findings).toEqual([])
    expect(report.blocks).toBeGreaterThan(20)
  })
})
