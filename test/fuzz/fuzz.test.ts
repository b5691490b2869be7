import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
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

  it('finds a planted fault', async () => {
    const report = await fuzz(planted, { seed: 3, executions: 3_000, seconds: 60 })
    expect(report.findings.map((finding) => finding.kind)).toContain('exception')
  })

  it('repeats itself in another process for the same seed', () => {
    const run = fileURLToPath(new URL('run.ts', import.meta.url))
    const args = [run, '--target', 'raft-storage', '--executions', '500', '--seed', '9']
    const traces = [1, 2].map(() => {
      const line = execFileSync(process.execPath, args, { encoding: 'utf8' })
      return (JSON.parse(line) as { trace: string }).trace
    })
    expect(traces[0]).toBe(traces[1])
  })

  it('finds an input that takes too long', async () => {
    const slow: FuzzTarget = {
      name: 'slow',
      run: (bytes) => {
        const before = process.cpuUsage().user
        if (bytes.length === 99) while (process.cpuUsage().user - before < 130_000) crc32c(bytes)
      },
    }
    const report = await fuzz(slow, { seed: 1, executions: 3, seconds: 10 }, [new Uint8Array(99)])
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
