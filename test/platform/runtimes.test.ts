import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const script = join(import.meta.dirname, 'runtime-check.ts')
const bin = join(import.meta.dirname, '../../node_modules/.bin')

const commands = [
  ['node', []],
  ['deno', ['run', '-A']],
  ['bun', []],
] as const

for (const [runtime, flags] of commands) {
  it(`the platform's disk, network and clock work on ${runtime}`, async () => {
    const run = promisify(execFile)
    const { stdout } = await run(join(bin, runtime), [...flags, script], { timeout: 15_000 })
    expect(stdout.trim()).toBe('ok')
  })
}
