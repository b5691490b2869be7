import { execFile } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { openDisk } from '../../src/platform/disk.ts'
import { startHolder } from './lock-holder-process.ts'

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

  it(`lock() held on ${runtime} excludes this process until that one dies`, async () => {
    const root = fs.mkdtempSync(join(tmpdir(), 'lock-'))
    const { child, line } = startHolder(root, runtime)
    expect(await line).toBe('locked')
    const disk = await openDisk(root)
    await expect(disk.lock('LOCK')).rejects.toThrow('held by process')
    const dead = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await dead
    await (
      await disk.lock('LOCK')
    )()
    fs.rmSync(root, { recursive: true })
  })
}
